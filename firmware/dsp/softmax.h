// Softmax int8 -> int8 (scale 1/256, zero point -128), with exp from a table made on the PC.
#ifndef TINYDEPLOY_DSP_SOFTMAX_H_
#define TINYDEPLOY_DSP_SOFTMAX_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

extern "C" {

// exponentials: exp(-beta * scale * d) for d = 0, 1, ... below the row's largest, times 2^31, as
// TFLM computes it (elementwise.py: softmax_table); what lies farther below is as the last entry, 0
// or d = 255. `input` may be `output`.
void td_softmax(const SoftmaxRows* params, const int8_t* input, const int32_t* exponentials,
                int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_SOFTMAX_H_
