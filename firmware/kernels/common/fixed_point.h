// Integer arithmetic that rounds exactly as TensorFlow Lite Micro's reference kernels do.
#ifndef TINYDEPLOY_KERNELS_COMMON_FIXED_POINT_H_
#define TINYDEPLOY_KERNELS_COMMON_FIXED_POINT_H_

#include <float.h>
#include <stdint.h>

namespace tinydeploy {

// real factor = multiplier * 2^(shift - 31), multiplier in [2^30, 2^31) or 0
struct Multiplier {
  int32_t multiplier;
  int32_t shift;  // [-31, 30]
};

template <class T>
constexpr T Min(T a, T b) {
  return b < a ? b : a;
}
template <class T>
constexpr T Max(T a, T b) {
  return a < b ? b : a;
}
template <class T>
constexpr T Clamp(T value, T lowest, T highest) {
  return Min(Max(value, lowest), highest);
}

// Lowest and highest value of an element type.
template <class T>
struct TypeLimit;
template <>
struct TypeLimit<int8_t> {
  static constexpr int8_t kLowest = INT8_MIN;
  static constexpr int8_t kHighest = INT8_MAX;
};
template <>
struct TypeLimit<int16_t> {
  static constexpr int16_t kLowest = INT16_MIN;
  static constexpr int16_t kHighest = INT16_MAX;
};
template <>
struct TypeLimit<float> {
  static constexpr float kLowest = -FLT_MAX;
  static constexpr float kHighest = FLT_MAX;
};

// High half of 2ab, rounded to nearest, ties upwards; saturates in the one case that does not fit.
// (TFLM's nudge and truncating division come to the same.)
inline int32_t RoundingDoublingHighMul(int32_t a, int32_t b) {
  if (a == b && a == INT32_MIN) return INT32_MAX;
  return static_cast<int32_t>((static_cast<int64_t>(a) * b + (1 << 30)) >> 31);
}

// x / 2^exponent, rounded to nearest, ties away from zero. exponent in [0, 31]
inline int32_t RoundingShiftRight(int32_t x, int exponent) {
  const int32_t mask = static_cast<int32_t>((static_cast<uint32_t>(1) << exponent) - 1);
  const int32_t threshold = static_cast<int32_t>(static_cast<uint32_t>(mask) >> 1) + (x < 0);
  return (x >> exponent) + ((x & mask) > threshold ? 1 : 0);
}

// Wraps on overflow instead of being undefined.
inline int32_t ShiftLeft(int32_t x, int exponent) {
  return static_cast<int32_t>(static_cast<uint32_t>(x) << exponent);
}
inline int32_t AddWrapping(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
inline int32_t SubWrapping(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}
inline int32_t MulWrapping(int32_t a, int32_t b) {
  return static_cast<int32_t>(static_cast<uint32_t>(a) * static_cast<uint32_t>(b));
}

// x times a real factor; rounds twice, as TFLM does.
inline int32_t Rescale(int32_t x, int32_t multiplier, int shift) {
  const int left = shift > 0 ? shift : 0;
  const int right = shift > 0 ? 0 : -shift;
  return RoundingShiftRight(RoundingDoublingHighMul(ShiftLeft(x, left), multiplier), right);
}
inline int32_t Rescale(int32_t x, const Multiplier& by) {
  return Rescale(x, by.multiplier, by.shift);
}

// The 64-bit accumulators of int16 activations: a 16-bit multiplier, rounds once (and once more in
// the multiplier). |x| < 2^47
inline int32_t Rescale64(int64_t x, int32_t multiplier, int shift) {
  const int32_t reduced = multiplier < 0x7FFF0000 ? (multiplier + (1 << 15)) >> 16 : 0x7FFF;
  // TFLM's is undefined for factors from 2^15 on, and every sum but 0 is out of range long before.
  const int total_shift = shift < 15 ? 15 - shift : 1;
  const int64_t round = static_cast<int64_t>(1) << (total_shift - 1);
  const uint64_t product = static_cast<uint64_t>(x) * static_cast<uint64_t>(reduced);
  const int64_t sum = static_cast<int64_t>(product + static_cast<uint64_t>(round));
  return static_cast<int32_t>(sum >> total_shift);
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_FIXED_POINT_H_
