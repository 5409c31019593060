// Pools and mean over NHWC int8 images, four channels at a time.
#ifndef TINYDEPLOY_DSP_POOL_H_
#define TINYDEPLOY_DSP_POOL_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

// Sums of four channels as int16, {0 2} and {1 3}.
struct ChannelSums {
  uint32_t even, odd;
};

extern "C" {

// Adds `pixels` times four channels, `step` bytes apart; limits::kPoolPixels in all fit the sums.
void td_sum_pixels(const int8_t* from, int32_t pixels, int32_t step, ChannelSums* sums);

// Both read up to 3 bytes past `input`. td_average_pool: limits::kPoolPixels in a window.
void td_average_pool(const PoolParams8* params, const int8_t* input, int8_t* output);
void td_max_pool(const PoolParams8* params, const int8_t* input, int8_t* output);

void td_mean(const MeanParams* params, const int8_t* input, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_POOL_H_
