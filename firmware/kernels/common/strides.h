// Walks through an array of up to six dimensions in an order of its own.
#ifndef TINYDEPLOY_KERNELS_COMMON_STRIDES_H_
#define TINYDEPLOY_KERNELS_COMMON_STRIDES_H_

#include <stdint.h>

#include "runtime/tensor.h"

namespace tinydeploy {

// Visits `size[0] x size[1] x ...` positions in row-major order; a step along axis i adds
// stride[i].
struct Walk {
  int32_t rank;
  int32_t start;  // of the first position
  int32_t size[kMaxRank];
  int32_t stride[kMaxRank];
};

// Row-major strides of a shape, in elements.
inline void RowMajor(const Shape& shape, int32_t* stride) {
  int32_t step = 1;
  for (int i = shape.rank - 1; i >= 0; --i) {
    stride[i] = step;
    step *= shape.dims[i];
  }
}

// Calls visit(position) for each position of the walk, in order.
template <class Visit>
void ForEachPosition(const Walk& walk, Visit visit) {
  int32_t index[kMaxRank] = {};
  for (int i = 0; i < walk.rank; ++i) {
    if (walk.size[i] == 0) return;
  }
  int32_t position = walk.start;
  for (;;) {
    visit(position);
    int axis = walk.rank - 1;
    for (; axis >= 0; --axis) {
      position += walk.stride[axis];
      if (++index[axis] < walk.size[axis]) break;
      position -= walk.stride[axis] * walk.size[axis];
      index[axis] = 0;
    }
    if (axis < 0) return;
  }
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_STRIDES_H_
