// Two int8 tensors, element by element, exactly as TFLM in every case: what td_add refuses,
// products, extremes. The second input repeats every `period` elements (a bias per channel, for
// example). Outputs may lie over an input of their size.
#ifndef TINYDEPLOY_DSP_BINARY_H_
#define TINYDEPLOY_DSP_BINARY_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

extern "C" {

// terms_a, terms_b: what TFLM makes of each int8 before it adds: [256], in the order of the bits.
// shift in [-31, -1].
void td_add_terms(const BinaryParams* params, const int8_t* a, const int8_t* b,
                  const int32_t* terms_a, const int32_t* terms_b, int8_t* output);

void td_multiply(const BinaryParams* params, const int8_t* a, const int8_t* b, int8_t* output);

// Of `count`, `period` and no other field anything is read.
void td_maximum(const BinaryParams* params, const int8_t* a, const int8_t* b, int8_t* output);
void td_minimum(const BinaryParams* params, const int8_t* a, const int8_t* b, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_BINARY_H_
