// Blocks of bytes from here to there: concatenation, padding, slices.
#ifndef TINYDEPLOY_DSP_COPY_H_
#define TINYDEPLOY_DSP_COPY_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

extern "C" {

void td_copy(const CopyParams* params, const int8_t* input, int8_t* output);
void td_fill(const FillParams* params, int8_t* output);
// Elements of 16 or 32 bits, which fill a word.
void td_fill_words(const FillParams* params, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_COPY_H_
