// CONV_2D: NHWC input, OHWI filter; groups where the filter is shallower than the input.
#ifndef TINYDEPLOY_KERNELS_CONV_CONV_H_
#define TINYDEPLOY_KERNELS_CONV_CONV_H_

#include <stdint.h>

#include "kernels/common/fixed_point.h"
#include "kernels/common/quantization.h"
#include "kernels/common/window.h"
#include "runtime/status.h"

namespace tinydeploy {

struct ConvGeometry {
  SlidingWindow y;
  SlidingWindow x;
  int32_t batches;
  int32_t input_depth;
  int32_t filter_depth;  // input_depth / groups
  int32_t output_depth;
  int32_t group_outputs;  // output channels of a group
};

// Followed by int32_t multipliers[output_depth], int8_t shifts[output_depth].
struct ConvParams {
  ConvGeometry geometry;
  int32_t input_offset;  // -zero point
  int32_t output_offset;
  IntRange range;
};

struct ConvFloatParams {
  ConvGeometry geometry;
  FloatRange range;
};

namespace conv_arg {
enum : int { kInput, kFilter, kBias, kOutput };
}

Status EvalConvInt8(const void* params, void* const* args);
Status EvalConvInt4(const void* params, void* const* args);  // weights of 4 bits
Status EvalConvInt16Bias32(const void* params, void* const* args);
Status EvalConvInt16Bias64(const void* params, void* const* args);
Status EvalConvFloat(const void* params, void* const* args);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_CONV_CONV_H_
