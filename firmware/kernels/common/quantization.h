// Real scales to integer multipliers and ranges, at Prepare.
#ifndef TINYDEPLOY_KERNELS_COMMON_QUANTIZATION_H_
#define TINYDEPLOY_KERNELS_COMMON_QUANTIZATION_H_

#include <stdint.h>

#include "kernels/common/fixed_point.h"
#include "runtime/tensor.h"

namespace tinydeploy {

// The schema's ActivationFunctionType, as far as kernels fuse it.
enum class Activation : int8_t { kNone = 0, kRelu = 1, kReluN1To1 = 2, kRelu6 = 3 };

// real to fixed point. False if `real` is not in [0, 2^30) and thus no sound ratio of scales.
bool QuantizeMultiplier(double real, Multiplier* out);
// The same for a factor that may be negative, in (-2^30, 2^30).
bool QuantizeSignedMultiplier(double real, Multiplier* out);

// The two ratios of scales that kernels need: a over the output's, a times b over the output's. In
// double from the start, as TFLM has it since 2026: rounded to float between, ties and the 16-bit
// multipliers of int16 come out differently.
bool QuantizeRatio(double a, double output, Multiplier* out);
bool QuantizeProduct(double a, double b, double output, Multiplier* out);

// Splits value > 0 into a fraction in [0.5, 1) and an exponent; 0 gives 0 and 0.
double Frexp(double value, int* exponent);

// Nearest integer, ties away from zero, saturating to int32; NaN gives 0.
int32_t RoundToInt32(double value);
// The same without doubles, which a Cortex-M4 has not, and exact for every float: the
// fraction of `value` is some of its own mantissa bits (none from 2^23 on), so that the difference
// is a float, and twice that too; its integer part is 1 from one half on, on either side of zero.
inline int32_t RoundToInt32(float value) {
  constexpr float kEnd = 2147483648.0f;  // 2^31; the largest float below it is an int32
  if (!(value > -kEnd)) return value <= -kEnd ? INT32_MIN : 0;
  if (value >= kEnd) return INT32_MAX;
  const auto whole = static_cast<int32_t>(value);
  const float behind = value - static_cast<float>(whole);
  return whole + static_cast<int32_t>(behind + behind);
}

struct IntRange {
  int32_t lowest;
  int32_t highest;
};
struct FloatRange {
  float lowest;
  float highest;
};

// Values of INT8, UINT8, INT16; of INT32 for every other type.
IntRange TypeRange(Type type);
// False if the activation is unknown.
bool ActivationRange(Activation activation, const TensorView& output, IntRange* range);
bool ActivationRange(Activation activation, FloatRange* range);

// Same scale and zero point.
bool SameQuantization(const TensorView& a, const TensorView& b);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_QUANTIZATION_H_
