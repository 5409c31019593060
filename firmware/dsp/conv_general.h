// Convolution of any kind, int8 -> int8, NHWC: groups, dilation, batches, depthwise with a
// multiplier, weights of -128, any scale, any clamp. What the fast kernels refuse; several times
// slower.
//
// Depthwise is a convolution with group_depth 1 and group_outputs = the multiplier, its weights
// turned to [channels * multiplier, height, width]; fully connected has a 1x1 image and kernel.
#ifndef TINYDEPLOY_DSP_CONV_GENERAL_H_
#define TINYDEPLOY_DSP_CONV_GENERAL_H_

#include <stdint.h>

namespace tinydeploy {

struct GeneralConvParams {
  uint16_t batches;
  uint16_t in_height, in_width, in_channels;
  uint16_t out_height, out_width, out_channels;
  uint16_t group_depth;    // input channels of a group
  uint16_t group_outputs;  // output channels of a group
  uint16_t kernel_height, kernel_width;
  uint16_t stride_height, stride_width;
  uint16_t dilation_height, dilation_width;
  int16_t pad_top, pad_left;
  int8_t input_zero_point, output_zero_point;
  int8_t lowest, highest;  // clamp of the output
};

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
