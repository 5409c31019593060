// Axes and indices that a model gives as tensors or options.
#ifndef TINYDEPLOY_KERNELS_LAYOUT_AXES_H_
#define TINYDEPLOY_KERNELS_LAYOUT_AXES_H_

#include <stdint.h>

#include "runtime/tensor.h"

namespace tinydeploy {

// `axis` of a tensor of rank `rank`, negative ones counted from the end; -1 if there is no such.
inline int NormalAxis(int64_t axis, int rank) {
  const int64_t own = axis < 0 ? axis + rank : axis;
  return own >= 0 && own < rank ? static_cast<int>(own) : -1;
}

inline bool IsIndexType(Type type) { return type == Type::kInt32 || type == Type::kInt64; }

// Element `i` of a constant INT32 or INT64 tensor.
inline int64_t IndexAt(const TensorView& view, int i) {
  return view.type == Type::kInt64 ? static_cast<int64_t>(view.values<Int64>()[i])
                                   : view.values<int32_t>()[i];
}

// Element `i` of such a tensor's data at run time.
inline int64_t IndexAt(const void* data, bool is_int64, int i) {
  return is_int64 ? static_cast<int64_t>(static_cast<const Int64*>(data)[i])
                  : static_cast<const int32_t*>(data)[i];
}

// Bytes of an element, 0 if it has not a whole number of them.
inline int32_t ElementBytes(Type type) { return TypeBits(type) % 8 == 0 ? TypeBits(type) / 8 : 0; }

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_LAYOUT_AXES_H_
