// Element by element, int8 -> int8. All may write over an input.
#ifndef TINYDEPLOY_DSP_ELEMENTWISE_H_
#define TINYDEPLOY_DSP_ELEMENTWISE_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

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
