// Two int16 tensors around zero, element by element: sums, differences, products, exactly as TFLM.
// Either may repeat (a bias per channel, for example). `output` may lie over one that does not.
#ifndef TINYDEPLOY_DSP_ELEMENTWISE16_H_
#define TINYDEPLOY_DSP_ELEMENTWISE16_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

// `pairs` pairs of sums.
using AddPairs16 = void(const AddParams16* params, const int16_t* fine, const int16_t* coarse,
                        int16_t* output, uint32_t pairs);

extern "C" {

AddPairs16 td_add_pairs16_signed;    // all of int16
AddPairs16 td_add_pairs16_positive;  // [0, 32767]
AddPairs16 td_add_pairs16_clamped;   // [lowest, highest]

void td_add16(const AddParams16* params, const int16_t* fine, const int16_t* coarse,
              int16_t* output, AddPairs16* pairs);
// coarse - fine
void td_subtract16(const AddParams16* params, const int16_t* fine, const int16_t* coarse,
                   int16_t* output);

void td_multiply16(const MultiplyParams16* params, const int16_t* a, const int16_t* b,
                   int16_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_ELEMENTWISE16_H_
