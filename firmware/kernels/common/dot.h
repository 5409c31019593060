// Sums of products. Integer sums wrap, as the hardware's do: a model cannot make them undefined.
#ifndef TINYDEPLOY_KERNELS_COMMON_DOT_H_
#define TINYDEPLOY_KERNELS_COMMON_DOT_H_

#include <stdint.h>

#include "kernels/common/fixed_point.h"

namespace tinydeploy {

inline int32_t Accumulated(int32_t acc, int32_t term) { return AddWrapping(acc, term); }
inline int64_t Accumulated(int64_t acc, int64_t term) {
  return static_cast<int64_t>(static_cast<uint64_t>(acc) + static_cast<uint64_t>(term));
}
inline float Accumulated(float acc, float term) { return acc + term; }

// By the type of the accumulator: two rounding steps for 32 bits, a short multiplier for 64.
inline int32_t RescaleSum(int32_t acc, int32_t multiplier, int shift) {
  return Rescale(acc, multiplier, shift);
}
inline int32_t RescaleSum(int64_t acc, int32_t multiplier, int shift) {
  return Rescale64(acc, multiplier, shift);
}

// acc + sum of (input[i] + offset) * weights[i]
template <class Acc, class Input, class Weight, class Offset>
Acc Dot(Acc acc, const Input* input, const Weight* weights, int32_t count, Offset offset) {
  const auto add = [&](int32_t i) {
    acc = Accumulated(acc, static_cast<Acc>(input[i] + offset) * static_cast<Acc>(weights[i]));
  };
  // Four at a time: a taken branch costs as much as three multiplications.
  for (; count >= 4; count -= 4, input += 4, weights += 4) {
    add(0);
    add(1);
    add(2);
    add(3);
  }
  for (int32_t i = 0; i < count; ++i) add(i);
  return acc;
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_DOT_H_
