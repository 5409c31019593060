// Depthwise convolution along one axis, multiplier 1, int8 -> int8, NHWC: the kernel is as wide as
// the image, there is no padding, so that an output is a weighted sum of consecutive pixels. What
// streaming models compute at every step.
#ifndef TINYDEPLOY_DSP_DEPTHWISE_TIME_H_
#define TINYDEPLOY_DSP_DEPTHWISE_TIME_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

extern "C" {

// stream: of each four channels four starts, {multiplier, constant} x 4, four shifts in a word
// (channel 0 in the low byte) and, for each two taps, their weights {0: first, 1: first, 0: second,
// 1: second} of channels 0 and 1 in a word, of 2 and 3 in the next (pack.py: pack_depthwise_time).
// Reads up to 3 bytes past `input`.
void td_depthwise_time(const DepthwiseTimeParams* params, const int8_t* input,
                       const uint32_t* stream, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_DEPTHWISE_TIME_H_
