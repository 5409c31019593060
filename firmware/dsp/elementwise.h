// Element by element, int8 -> int8. All may write over an input.
#ifndef TINYDEPLOY_DSP_ELEMENTWISE_H_
#define TINYDEPLOY_DSP_ELEMENTWISE_H_

#include <stdint.h>

namespace tinydeploy {

// output = clamp((constant + (a * factor_a >> 8) + (b * factor_b >> 8)) >> 22) - 128, with factors
// of 2^30 times the scale ratios. pack.py: add_params tries all 65,536 pairs against TFLM's formula
// and refuses where one differs; the lowering then takes the reference kernel. Subtraction has a
// negative factor_b.
struct AddParams {
  uint32_t count;
  int32_t factor_a, factor_b, constant;
};

extern "C" {

void td_add(const AddParams* params, const int8_t* a, const int8_t* b, int8_t* output);
// The same for count / 4 whole words.
void td_add_words(const AddParams* params, const int8_t* a, const int8_t* b, int8_t* output);

// output = table[input], the table in the order of the bits: 0..127, -128..-1. Any unary function,
// requantization included (pack.py: lookup_table).
void td_lookup(const uint32_t* count, const int8_t* input, const int8_t* table, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_ELEMENTWISE_H_
