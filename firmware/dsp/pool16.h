// Pools and mean over NHWC int16 images, two channels at a time.
#ifndef TINYDEPLOY_DSP_POOL16_H_
#define TINYDEPLOY_DSP_POOL16_H_

#include <stdint.h>

#include "dsp/pool.h"

namespace tinydeploy {

// Windows are cut at the borders of the input. `lowest`, `highest`: clamp of the output.
struct PoolParams16 {
  uint16_t in_height, in_width, channels;
  uint16_t out_height, out_width;
  uint8_t kernel_height, kernel_width;
  uint8_t stride_height, stride_width;
  uint8_t pad_top, pad_left;
  int16_t lowest, highest;
};

extern "C" {

// All read up to 2 bytes behind `input`. `output` may be `input` where no window begins before its
// output pixel.
void td_average_pool16(const PoolParams16* params, const int16_t* input, int16_t* output);
void td_max_pool16(const PoolParams16* params, const int16_t* input, int16_t* output);

// At most 65,535 pixels: their sum fits an int32. `output` may be `input`.
void td_mean16(const MeanParams* params, const int16_t* input, int16_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_POOL16_H_
