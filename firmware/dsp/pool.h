// Pools and mean over NHWC int8 images, four channels at a time.
#ifndef TINYDEPLOY_DSP_POOL_H_
#define TINYDEPLOY_DSP_POOL_H_

#include <stdint.h>

namespace tinydeploy {

// Windows are cut at the borders of the input. `lowest`, `highest`: clamp of the output.
struct PoolParams8 {
  uint16_t in_height, in_width, channels;
  uint16_t out_height, out_width;
  uint8_t kernel_height, kernel_width;
  uint8_t stride_height, stride_width;
  uint8_t pad_top, pad_left;
  int8_t lowest, highest;
};

// Mean over all pixels, requantized. pack.py: mean_params.
struct MeanParams {
  uint32_t pixels;
  uint32_t channels;
  int32_t start;              // -pixels * input zero point
  int32_t multiplier, shift;  // 1 / pixels is in them; shift is positive to the left
  int32_t output_zero_point;
};

// Sums of four channels as int16, {0 2} and {1 3}.
struct ChannelSums {
  uint32_t even, odd;
};

extern "C" {

// Adds `pixels` times four channels, `step` bytes apart; at most 256 in all fit the sums.
void td_sum_pixels(const int8_t* from, int32_t pixels, int32_t step, ChannelSums* sums);

// At most 256 pixels in a window. Both read up to 3 bytes behind `input`.
void td_average_pool(const PoolParams8* params, const int8_t* input, int8_t* output);
void td_max_pool(const PoolParams8* params, const int8_t* input, int8_t* output);

void td_mean(const MeanParams* params, const int8_t* input, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_POOL_H_
