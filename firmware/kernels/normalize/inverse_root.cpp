#include "kernels/normalize/inverse_root.h"

#include "kernels/common/exponential.h"

namespace tinydeploy {
namespace {

inline int32_t Mul(int32_t a, int32_t b) { return RoundingDoublingHighMul(a, b); }

// 1 / sqrt(2a) for a in [1/2, 2), with three integer bits: five Newton-Raphson steps from 1.
int32_t InverseRoot(int32_t a) {
  constexpr int32_t kOne = 1 << 28;
  constexpr int32_t kThreeHalves = kOne + kOne / 2;
  constexpr int32_t kRootOfHalf = 1518500250;  // no integer bits
  const int32_t half = RoundingShiftRight(a, 1);
  int32_t x = kOne;
  for (int i = 0; i < 5; ++i) {
    const int32_t cube = MultiplyByPowerOfTwo(Mul(Mul(x, x), x), 6);
    x = MultiplyByPowerOfTwo(SubWrapping(Mul(kThreeHalves, x), Mul(half, cube)), 3);
  }
  return Mul(x, kRootOfHalf);
}

}  // namespace

Multiplier InverseRootOf(int32_t x) {
  if (x <= 1) return {INT32_MAX, 0};
  int right_shift = 11;
  for (; x >= 1 << 29; x /= 4) ++right_shift;
  const int pairs = (__builtin_clz(static_cast<uint32_t>(x)) - 1) / 2 - 1;
  right_shift -= pairs;
  const int32_t root = InverseRoot(ShiftLeft(x, 2 * pairs) >> 1);
  return right_shift < 0 ? Multiplier{ShiftLeft(root, -right_shift), 0}
                         : Multiplier{root, -right_shift};
}

}  // namespace tinydeploy
