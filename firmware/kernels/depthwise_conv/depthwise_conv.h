// DEPTHWISE_CONV_2D: NHWC input, filter [1, height, width, channels * multiplier].
#ifndef TINYDEPLOY_KERNELS_DEPTHWISE_CONV_DEPTHWISE_CONV_H_
#define TINYDEPLOY_KERNELS_DEPTHWISE_CONV_DEPTHWISE_CONV_H_

#include <stdint.h>

#include "kernels/common/quantization.h"
#include "kernels/common/window.h"
#include "runtime/status.h"

namespace tinydeploy {

struct DepthwiseGeometry {
  SlidingWindow y;
  SlidingWindow x;
  int32_t batches;
  int32_t input_depth;
  int32_t multiplier;  // output channels of each input channel
};

// Followed by int32_t multipliers[output_depth], int8_t shifts[output_depth].
struct DepthwiseParams {
  DepthwiseGeometry geometry;
  int32_t input_offset;  // -zero point
  int32_t output_offset;
  IntRange range;
};

struct DepthwiseFloatParams {
  DepthwiseGeometry geometry;
  FloatRange range;
};

namespace depthwise_arg {
enum : int { kInput, kFilter, kBias, kOutput };
}

Status EvalDepthwiseInt8(const void* params, void* const* args);
Status EvalDepthwiseInt4(const void* params, void* const* args);  // weights of 4 bits
Status EvalDepthwiseInt16(const void* params, void* const* args);
Status EvalDepthwiseFloat(const void* params, void* const* args);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_DEPTHWISE_CONV_DEPTHWISE_CONV_H_
