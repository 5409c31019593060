// AVERAGE_POOL_2D, MAX_POOL_2D and L2_POOL_2D over NHWC images.
#ifndef TINYDEPLOY_KERNELS_POOLING_POOLING_H_
#define TINYDEPLOY_KERNELS_POOLING_POOLING_H_

#include <stdint.h>

#include "kernels/common/quantization.h"
#include "kernels/common/window.h"
#include "runtime/status.h"

namespace tinydeploy {

struct PoolParams {
  SlidingWindow y;
  SlidingWindow x;
  int32_t batches;
  int32_t depth;
  IntRange range;          // integer types
  FloatRange float_range;  // float32
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_POOLING_POOLING_H_
