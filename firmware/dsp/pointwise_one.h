// 1x1 convolution from one channel, int8 -> int8, NHWC: an output depends on one byte. Of each four
// channels a table of all 256 outputs is made first, with TFLM's own arithmetic, so that any scale
// and any sum is exact; a pixel then costs a look-up for the four together.
//
// The table lies where the last pixels' outputs will be; these are computed one by one at the end.
//
// The bound is the look-up: load of the index, load of the word, store, two pointers; 7 cycles for
// four outputs. Requantization alone would be 4 cycles an output.
#ifndef TINYDEPLOY_DSP_POINTWISE_ONE_H_
#define TINYDEPLOY_DSP_POINTWISE_ONE_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

// Pixels that leave room for a table in an output of `channels`: there have to be more.
constexpr int32_t PointwiseOneTail(int32_t channels) {
  return (4 * 256 + 3 + channels - 1) / channels;
}

// A channel; sums are doubled, and shifted to the left where TFLM does that first. With TFLM's
// multiplier, an output is
//   (((a * multiplier + 2^31) >> 32) + constant + (a < 0 ? negative : 0)) >> right
// clamped: the output's offset and half a unit are in `constant`, -1 in `negative` where TFLM
// rounds a second time.
struct OneWeight {
  int32_t start, weight, multiplier, right, constant, negative;
};

extern "C" {

// channels: [params->channels], at least 4.
void td_pointwise_one(const PointwiseOneParams* params, const int8_t* input,
                      const OneWeight* channels, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_POINTWISE_ONE_H_
