// What the operators of audio front ends share.
#ifndef TINYDEPLOY_KERNELS_SIGNAL_SIGNAL_H_
#define TINYDEPLOY_KERNELS_SIGNAL_SIGNAL_H_

#include <stdint.h>

#include "kernels/common/refuse.h"
#include "runtime/flexbuffer.h"
#include "runtime/prepare_context.h"

namespace tinydeploy {

constexpr int32_t kMaxSamples = limits::kFrameSamples;

// Rows of a tensor over its last dimension.
inline int32_t RowsOf(const Shape& shape) {
  return shape.rank == 0 ? 1 : shape.product(0, shape.rank - 1);
}
inline int32_t RowSize(const Shape& shape) { return shape.rank == 0 ? 1 : shape[-1]; }

inline bool HasTypes(const PrepareContext& context, Type input, Type output) {
  return context.input(0).type == input && context.output(0).type == output;
}

inline bool IsIn(int32_t value, int32_t lowest, int32_t highest) {
  return value >= lowest && value <= highest;
}

// Bits up to the highest one that is set; 32 for 0, as in TFLM: silence is not scaled.
inline int BitLength(uint32_t x) { return x == 0 ? 32 : 32 - __builtin_clz(x); }

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_SIGNAL_SIGNAL_H_
