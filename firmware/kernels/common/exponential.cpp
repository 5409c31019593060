#include "kernels/common/exponential.h"

#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

constexpr int32_t kOne = INT32_MAX;       // 1, as near as it gets without integer bits
constexpr int32_t kOneTwoBits = 1 << 29;  // 1 with two integer bits

inline int32_t Mul(int32_t a, int32_t b) { return RoundingDoublingHighMul(a, b); }

// exp(x) for x in [-1/4, 0): a Taylor polynomial around -1/8.
int32_t ExpOnQuarter(int32_t a) {
  constexpr int32_t kExpOfMinusEighth = 1895147668;
  constexpr int32_t kThird = 715827883;
  const int32_t x = AddWrapping(a, 1 << 28);
  const int32_t x2 = Mul(x, x);
  const int32_t x3 = Mul(x2, x);
  const int32_t x4 = Mul(x2, x2);
  const int32_t x4_over_4 = MultiplyByPowerOfTwo(x4, -2);
  const int32_t cubic = AddWrapping(Mul(AddWrapping(x4_over_4, x3), kThird), x2);
  const int32_t tail = MultiplyByPowerOfTwo(cubic, -1);
  return AddWrapping(kExpOfMinusEighth, Mul(kExpOfMinusEighth, AddWrapping(x, tail)));
}

// (a + b) / 2, rounded away from zero.
int32_t HalfSum(int32_t a, int32_t b) {
  const int64_t sum = static_cast<int64_t>(a) + b;
  return static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
}

// 2 / (1 + a), halved, with two integer bits: three Newton-Raphson steps.
int32_t HalfDenominatorInverse(int32_t a) {
  constexpr int32_t k48Over17 = 1515870810;
  constexpr int32_t kMinus32Over17 = -1010580540;
  const int32_t half_denominator = HalfSum(a, kOne);
  int32_t x = AddWrapping(k48Over17, Mul(half_denominator, kMinus32Over17));
  for (int i = 0; i < 3; ++i) {
    const int32_t error = SubWrapping(kOneTwoBits, Mul(half_denominator, x));
    x = AddWrapping(x, MultiplyByPowerOfTwo(Mul(x, error), 2));
  }
  return x;
}

}  // namespace

int32_t MultiplyByPowerOfTwo(int32_t x, int exponent) {
  if (exponent <= 0) return RoundingShiftRight(x, -exponent);
  const int32_t limit = static_cast<int32_t>((1u << (31 - exponent)) - 1);
  if (x > limit) return INT32_MAX;
  if (x < -limit) return INT32_MIN;
  return ShiftLeft(x, exponent);
}

int32_t ExpOfNegative(int32_t a, int integer_bits) {
  // exp(-2^k) for k = -2 ... 4
  constexpr int32_t kFactors[] = {1672461947, 1302514674, 790015084, 290630308,
                                  39332535,   720401,     242};
  const int fraction_bits = 31 - integer_bits;
  if (a == 0) return kOne;
  if (integer_bits > 5 && a < -(1 << (36 - integer_bits))) return 0;
  const int32_t quarter = 1 << (fraction_bits - 2);
  const int32_t modulo = (a & (quarter - 1)) - quarter;
  int32_t result = ExpOnQuarter(MultiplyByPowerOfTwo(modulo, integer_bits));
  const int32_t remainder = SubWrapping(modulo, a);
  for (int k = -2; k < integer_bits && k <= 4; ++k) {
    if (remainder & (1 << (fraction_bits + k))) result = Mul(result, kFactors[k + 2]);
  }
  return result;
}

int32_t OneOverOnePlus(int32_t a) { return MultiplyByPowerOfTwo(HalfDenominatorInverse(a), 1); }

int32_t OneMinusOverOnePlus(int32_t a) {
  return MultiplyByPowerOfTwo(SubWrapping(HalfDenominatorInverse(a), kOneTwoBits), 2);
}

int32_t LogisticFixed(int32_t a, int integer_bits) {
  if (a == 0) return 1 << 30;
  const int32_t positive = OneOverOnePlus(ExpOfNegative(a > 0 ? -a : a, integer_bits));
  return a > 0 ? positive : kOne - positive;
}

int32_t TanhFixed(int32_t a, int integer_bits) {
  if (a == 0) return 0;
  // exp(-2|a|): the same raw value with one integer bit more.
  const int32_t magnitude = OneMinusOverOnePlus(ExpOfNegative(a > 0 ? -a : a, integer_bits + 1));
  return a > 0 ? magnitude : -magnitude;
}

Reciprocal ReciprocalOf(int32_t x, int integer_bits) {
  const int headroom = x == 0 ? 32 : __builtin_clz(static_cast<uint32_t>(x));
  const uint32_t shifted = headroom > 31 ? 0 : static_cast<uint32_t>(x) << headroom;
  return {OneOverOnePlus(static_cast<int32_t>(shifted - (1u << 31))), integer_bits - headroom};
}

}  // namespace tinydeploy
