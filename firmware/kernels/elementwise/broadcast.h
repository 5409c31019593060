// Two inputs of different shapes, element by element, by NumPy's rule.
#ifndef TINYDEPLOY_KERNELS_ELEMENTWISE_BROADCAST_H_
#define TINYDEPLOY_KERNELS_ELEMENTWISE_BROADCAST_H_

#include <stdint.h>

#include "runtime/tensor.h"

namespace tinydeploy {

// The output's dimensions, outermost first, joined where both inputs run on without a gap: equal
// shapes are one dimension. A stride of 0 repeats an input.
struct Broadcast {
  struct Axis {
    int32_t size;
    int32_t stride[2];  // elements, of each input
  };
  int32_t rank;
  Axis axes[kMaxRank];
};

// False if the shapes do not broadcast to `output`.
bool MakeBroadcast(const Shape& a, const Shape& b, const Shape& output, Broadcast* broadcast);

// output[i] = op(a[...], b[...]) for each element of the output in order.
template <class In, class Out, class Op>
void ForEachPair(const Broadcast& broadcast, const In* a, const In* b, Out* output, Op op) {
  const Broadcast::Axis& inner = broadcast.axes[broadcast.rank - 1];
  int32_t index[kMaxRank] = {};
  for (;;) {
    for (int32_t i = 0; i < inner.size; ++i) {
      *output++ = op(a[i * inner.stride[0]], b[i * inner.stride[1]]);
    }
    int axis = broadcast.rank - 2;
    for (; axis >= 0; --axis) {
      const Broadcast::Axis& outer = broadcast.axes[axis];
      a += outer.stride[0];
      b += outer.stride[1];
      if (++index[axis] < outer.size) break;
      index[axis] = 0;
      a -= outer.stride[0] * outer.size;
      b -= outer.stride[1] * outer.size;
    }
    if (axis < 0) return;
  }
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_ELEMENTWISE_BROADCAST_H_
