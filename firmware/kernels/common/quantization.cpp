#include "kernels/common/quantization.h"

#include <float.h>
#include <string.h>

namespace tinydeploy {
namespace {

constexpr int kMantissaBits = 52;
constexpr int kExponentBias = 1022;  // for a fraction in [0.5, 1)

}  // namespace

double Frexp(double value, int* exponent) {
  *exponent = 0;
  if (value == 0.0) return 0.0;
  if (value < DBL_MIN) {           // subnormal: make it normal first
    value *= 18014398509481984.0;  // 2^54
    *exponent = -54;
  }
  uint64_t bits;
  memcpy(&bits, &value, sizeof(bits));
  *exponent += static_cast<int>((bits >> kMantissaBits) & 0x7FF) - kExponentBias;
  bits = (bits & ((static_cast<uint64_t>(1) << kMantissaBits) - 1)) |
         (static_cast<uint64_t>(kExponentBias) << kMantissaBits);
  memcpy(&value, &bits, sizeof(bits));
  return value;
}

bool QuantizeMultiplier(double real, Multiplier* out) {
  return real >= 0.0 && QuantizeSignedMultiplier(real, out);
}

bool QuantizeSignedMultiplier(double real, Multiplier* out) {
  if (!(real > -1073741824.0 && real < 1073741824.0)) return false;
  const bool is_negative = real < 0.0;
  int exponent;
  const double fraction = Frexp(is_negative ? -real : real, &exponent);
  int64_t fixed = static_cast<int64_t>(fraction * 2147483648.0 + 0.5);
  if (fixed == (static_cast<int64_t>(1) << 31) && !is_negative) {  // -2^31 fits
    fixed /= 2;
    ++exponent;
  }
  if (exponent < -31) {
    exponent = 0;
    fixed = 0;
  }
  *out = {static_cast<int32_t>(is_negative ? -fixed : fixed), exponent};
  return true;
}

bool QuantizeRatio(double a, double output, Multiplier* out) {
  return QuantizeMultiplier(a / output, out);
}

bool QuantizeProduct(double a, double b, double output, Multiplier* out) {
  return QuantizeMultiplier(a * b / output, out);
}

int32_t RoundToInt32(double value) {
  if (!(value > -2147483648.0)) return value <= -2147483648.0 ? INT32_MIN : 0;
  if (value >= 2147483647.0) return INT32_MAX;
  return static_cast<int32_t>(value < 0 ? value - 0.5 : value + 0.5);
}

IntRange TypeRange(Type type) {
  switch (type) {
    case Type::kInt8:
      return {INT8_MIN, INT8_MAX};
    case Type::kUInt8:
      return {0, UINT8_MAX};
    case Type::kInt16:
      return {INT16_MIN, INT16_MAX};
    default:
      return {INT32_MIN, INT32_MAX};
  }
}

namespace {

bool Fused(Activation activation, float* lowest, float* highest) {
  switch (activation) {
    case Activation::kNone:
      *lowest = -FLT_MAX;
      *highest = FLT_MAX;
      return true;
    case Activation::kRelu:
      *lowest = 0.0f;
      *highest = FLT_MAX;
      return true;
    case Activation::kReluN1To1:
      *lowest = -1.0f;
      *highest = 1.0f;
      return true;
    case Activation::kRelu6:
      *lowest = 0.0f;
      *highest = 6.0f;
      return true;
  }
  return false;
}

}  // namespace

bool ActivationRange(Activation activation, FloatRange* range) {
  return Fused(activation, &range->lowest, &range->highest);
}

bool ActivationRange(Activation activation, const TensorView& output, IntRange* range) {
  float lowest;
  float highest;
  if (!Fused(activation, &lowest, &highest)) return false;
  *range = TypeRange(output.type);
  const auto quantize = [&](float real) {
    const int64_t steps = RoundToInt32(real / output.scale());
    return Clamp<int64_t>(output.zero_point() + steps, INT32_MIN, INT32_MAX);
  };
  if (lowest > -FLT_MAX) range->lowest = Max(range->lowest, static_cast<int32_t>(quantize(lowest)));
  if (highest < FLT_MAX) {
    range->highest = Min(range->highest, static_cast<int32_t>(quantize(highest)));
  }
  return range->lowest <= range->highest;
}

bool SameQuantization(const TensorView& a, const TensorView& b) {
  return a.scale() == b.scale() && a.zero_point() == b.zero_point();
}

}  // namespace tinydeploy
