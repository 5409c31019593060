// Pools and mean over NHWC int16 images, two channels at a time.
#ifndef TINYDEPLOY_DSP_POOL16_H_
#define TINYDEPLOY_DSP_POOL16_H_

#include <stdint.h>

#include "abi/params.h"
#include "dsp/pool.h"

namespace tinydeploy {

extern "C" {

// All read up to 2 bytes past `input`. `output` may be `input` where no window begins before its
// output pixel.
void td_average_pool16(const PoolParams16* params, const int16_t* input, int16_t* output);
void td_max_pool16(const PoolParams16* params, const int16_t* input, int16_t* output);

// At most limits::kAddends16 pixels. `output` may be `input`.
void td_mean16(const MeanParams* params, const int16_t* input, int16_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_POOL16_H_
