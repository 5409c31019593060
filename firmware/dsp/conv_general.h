// Convolution of any kind, int8 -> int8, NHWC: groups, dilation, batches, depthwise with a
// multiplier, any weights, any scale, any clamp; all channels of the output or some of them: those
// for which the fast kernels are not exact (whole layers are the interpreter's where its kernel is
// faster). About 3 cycles a multiply-accumulate where a run of taps is long, 10 where each channel
// has its own input.
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
  int32_t output;                   // which channel of the output it is
};

extern "C" {

// channels: [channels]; weights: [channels, kernel_height, kernel_width, group_depth]. Other
// channels of `output` stay as they are.
void td_conv_general(const GeneralConvParams* params, const int8_t* input,
                     const GeneralChannel* channels, const int8_t* weights, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_CONV_GENERAL_H_
