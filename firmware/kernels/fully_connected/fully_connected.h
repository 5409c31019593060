// FULLY_CONNECTED: input [batches, depth], weights [units, depth].
#ifndef TINYDEPLOY_KERNELS_FULLY_CONNECTED_FULLY_CONNECTED_H_
#define TINYDEPLOY_KERNELS_FULLY_CONNECTED_FULLY_CONNECTED_H_

#include <stdint.h>

#include "kernels/common/quantization.h"
#include "runtime/status.h"

namespace tinydeploy {

struct FullyConnectedGeometry {
  int32_t batches;
  int32_t depth;
  int32_t units;
};

// Followed by int32_t multipliers[units], int8_t shifts[units] if `per_channel`.
struct FullyConnectedParams {
  FullyConnectedGeometry geometry;
  int32_t input_offset;   // -zero point
  int32_t weight_offset;  // -zero point
  int32_t output_offset;
  IntRange range;
  int32_t per_channel;
  Multiplier factor;  // of all units unless `per_channel`
};

struct FullyConnectedFloatParams {
  FullyConnectedGeometry geometry;
  FloatRange range;
};

namespace fully_connected_arg {
enum : int { kInput, kWeights, kBias, kOutput };
}

Status EvalFullyConnectedInt8(const void* params, void* const* args);
Status EvalFullyConnectedInt4(const void* params, void* const* args);  // weights of 4 bits
Status EvalFullyConnectedInt16(const void* params, void* const* args);
Status EvalFullyConnectedFloat(const void* params, void* const* args);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_FULLY_CONNECTED_FULLY_CONNECTED_H_
