// Softmax int16 -> int16 (scale 1/32768), with exp and 1 / (1 + x) from tables made on the PC.
#ifndef TINYDEPLOY_DSP_SOFTMAX16_H_
#define TINYDEPLOY_DSP_SOFTMAX16_H_

#include <stdint.h>

namespace tinydeploy {

// What lies d <= 0 from the largest of its row is ((d << up) * multiplier / 2^32 + nudge) >> down
// steps of the table's, 10 / 65535, from there (elementwise16.py: softmax_scaling).
struct SoftmaxParams16 {
  uint32_t rows, depth;  // depth at most 65,535: sums of exponentials fit an int32
  int32_t multiplier, nudge;
  uint8_t up, down;
};

constexpr int kCurvePieces = 512;

extern "C" {

// exponential: exp on [-10, 0]; reciprocal: 1 / (1 + x) on [0, 1]. Both times 2^15, the ends of
// kCurvePieces straight pieces each. `input` may be `output`.
void td_softmax16(const SoftmaxParams16* params, const int16_t* input, const int16_t* exponential,
                  const int16_t* reciprocal, int16_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_SOFTMAX16_H_
