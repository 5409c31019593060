// Two int16 tensors around zero, element by element: sums, differences, products, exactly as TFLM.
// Either may repeat (a bias per channel, for example). `output` may lie over one that does not.
#ifndef TINYDEPLOY_DSP_ELEMENTWISE16_H_
#define TINYDEPLOY_DSP_ELEMENTWISE16_H_

#include <stdint.h>

namespace tinydeploy {

// The input of the larger scale is `coarse`: where TFLM adds, on a scale twice as large, it is
// exact. The factors of the others round twice: multiplier / 2^(31 + shift), shift in [1, 31].
struct AddParams16 {
  uint32_t rows, length;            // of a row, in elements
  uint32_t fine_step, coarse_step;  // elements from row to row, 0 where it repeats
  int32_t fine_multiplier;
  uint32_t fine_shift;
  int32_t coarse_factor;  // 2^30, or -2^30 to subtract it
  int32_t output_multiplier;
  uint32_t output_shift;
  int16_t lowest, highest;  // clamp of the output
};

struct MultiplyParams16 {
  uint32_t rows, length;
  uint32_t a_step, b_step;
  int32_t multiplier;
  uint32_t shift;
  int16_t lowest, highest;
};

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
