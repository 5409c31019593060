// Complex Fourier transforms of powers of two, rounding as the fixed-point library under TFLM's
// signal operators does: every butterfly first divides its inputs by its radix.
#ifndef TINYDEPLOY_KERNELS_SIGNAL_FFT_H_
#define TINYDEPLOY_KERNELS_SIGNAL_FFT_H_

#include <stdint.h>

#include "kernels/common/fixed_point.h"

namespace tinydeploy {

template <class T>
struct Complex {
  T real;
  T imaginary;
};

// Arithmetic of samples: int16_t, int32_t (15 and 31 fraction bits), float.
template <class T>
struct Sample {
  static constexpr int kFractionBits = 8 * sizeof(T) - 1;
  static constexpr int64_t kOne = (static_cast<int64_t>(1) << kFractionBits) - 1;

  static T Round(int64_t x) {
    const auto half = static_cast<uint64_t>(1) << (kFractionBits - 1);
    return static_cast<T>(static_cast<int64_t>(static_cast<uint64_t>(x) + half) >> kFractionBits);
  }
  static int64_t Product(T a, T b) { return static_cast<int64_t>(a) * b; }
  static int64_t Add(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) + static_cast<uint64_t>(b));
  }
  static int64_t Subtract(int64_t a, int64_t b) {
    return static_cast<int64_t>(static_cast<uint64_t>(a) - static_cast<uint64_t>(b));
  }
  static T Divide(T x, int by) { return Round(static_cast<int64_t>(x) * (kOne / by)); }
  // Of a sum or difference: halved at int's width, in which two of 16 bits never wrap.
  static T HalfOfSum(T a, T b) { return static_cast<T>(AddWrapping(a, b) >> 1); }
  static T HalfOfDifference(T a, T b) { return static_cast<T>(SubWrapping(a, b) >> 1); }
  static T FromReal(double x);
  // After a transform there and one back: each division above has done that already.
  static void Normalize(T*, int32_t) {}
};
template <>
struct Sample<float> {
  static float Round(float x) { return x; }
  static float Product(float a, float b) { return a * b; }
  static float Add(float a, float b) { return a + b; }
  static float Subtract(float a, float b) { return a - b; }
  static float Divide(float x, int) { return x; }
  static float HalfOfSum(float a, float b) { return (a + b) * 0.5f; }
  static float HalfOfDifference(float a, float b) { return (a - b) * 0.5f; }
  static float FromReal(double x) { return static_cast<float>(x); }
  static void Normalize(float* samples, int32_t count) {
    for (int32_t i = 0; i < count; ++i) samples[i] /= static_cast<float>(count);
  }
};

// Sums of int16 and int32 wrap.
template <class T>
T Plus(T a, T b) {
  return static_cast<T>(static_cast<uint32_t>(a) + static_cast<uint32_t>(b));
}
template <class T>
T Minus(T a, T b) {
  return static_cast<T>(static_cast<uint32_t>(a) - static_cast<uint32_t>(b));
}
inline float Plus(float a, float b) { return a + b; }
inline float Minus(float a, float b) { return a - b; }

template <class T>
Complex<T> Plus(const Complex<T>& a, const Complex<T>& b) {
  return {Plus(a.real, b.real), Plus(a.imaginary, b.imaginary)};
}
template <class T>
Complex<T> Minus(const Complex<T>& a, const Complex<T>& b) {
  return {Minus(a.real, b.real), Minus(a.imaginary, b.imaginary)};
}
template <class T>
Complex<T> Times(const Complex<T>& a, const Complex<T>& b) {
  using S = Sample<T>;
  return {S::Round(S::Subtract(S::Product(a.real, b.real), S::Product(a.imaginary, b.imaginary))),
          S::Round(S::Add(S::Product(a.real, b.imaginary), S::Product(a.imaginary, b.real)))};
}
template <class T>
Complex<T> Divided(const Complex<T>& a, int by) {
  return {Sample<T>::Divide(a.real, by), Sample<T>::Divide(a.imaginary, by)};
}

// exp(i * 2 pi * turns) as a sample.
template <class T>
Complex<T> Twiddle(double turns);

// output[k] = sum of input[j] * twiddles[j * k mod size], scaled. `size`: a power of two, at
// least 2. Out of place.
template <class T>
void Transform(const Complex<T>* input, Complex<T>* output, int32_t size,
               const Complex<T>* twiddles, bool inverse);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_SIGNAL_FFT_H_
