// Softmax int16 -> int16 (scale 1/32768), with exp and 1 / (1 + x) from tables made on the PC.
#ifndef TINYDEPLOY_DSP_SOFTMAX16_H_
#define TINYDEPLOY_DSP_SOFTMAX16_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

extern "C" {

// exponential: exp on [-10, 0]; reciprocal: 1 / (1 + x) on [0, 1]. Both times 2^15, the ends of
// limits::kCurvePieces straight pieces each. `input` may be `output`.
void td_softmax16(const SoftmaxParams16* params, const int16_t* input, const int16_t* exponential,
                  const int16_t* reciprocal, int16_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_SOFTMAX16_H_
