// exp, 1/(1+x), logistic and tanh in 32-bit fixed point, bit-exact with gemmlowp's, which TFLM
// uses. A raw value with `b` integer bits stands for raw * 2^(b - 31).
#ifndef TINYDEPLOY_KERNELS_COMMON_EXPONENTIAL_H_
#define TINYDEPLOY_KERNELS_COMMON_EXPONENTIAL_H_

#include <stdint.h>

namespace tinydeploy {

// x * 2^exponent, exponent of either sign; rounds, saturates.
int32_t MultiplyByPowerOfTwo(int32_t x, int exponent);

// exp(a) for a <= 0 with `integer_bits` integer bits; the result has none.
int32_t ExpOfNegative(int32_t a, int integer_bits);
// 1 / (1 + a) for a in [0, 1]; no integer bits on either side.
int32_t OneOverOnePlus(int32_t a);
// (1 - a) / (1 + a) for a in [0, 1]; no integer bits on either side.
int32_t OneMinusOverOnePlus(int32_t a);
// 1 / (1 + exp(-a)) and tanh(a) for any a with `integer_bits` integer bits; the results have none.
int32_t LogisticFixed(int32_t a, int integer_bits);
int32_t TanhFixed(int32_t a, int integer_bits);

// 1/x as mantissa (no integer bits) and the exponent that goes with it; x > 0 with `integer_bits`.
struct Reciprocal {
  int32_t mantissa;
  int32_t bits_over_unit;
};
Reciprocal ReciprocalOf(int32_t x, int integer_bits);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_EXPONENTIAL_H_
