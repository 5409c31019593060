// Convolution of any kind, int8 -> int8, NHWC: groups, dilation, batches, depthwise with a
// multiplier, weights of -128, any scale, any clamp. What the fast kernels refuse; several times
// slower.
//
// Depthwise is a convolution with group_depth 1 and group_outputs = the multiplier, its weights
// turned to [channels * multiplier, height, width]; fully connected has a 1x1 image and kernel.
#ifndef TINYDEPLOY_DSP_CONV_GENERAL_H_
#define TINYDEPLOY_DSP_CONV_GENERAL_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

struct GeneralChannel {
  int32_t bias, multiplier, shift;  // as TFLM's: shift is positive to the left
};

extern "C" {

// channels: [out_channels]; weights: [out_channels, kernel_height, kernel_width, group_depth].
void td_conv_general(const GeneralConvParams* params, const int8_t* input,
                     const GeneralChannel* channels, const int8_t* weights, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_CONV_GENERAL_H_
