#include "kernels/signal/fft.h"

namespace tinydeploy {
namespace {

// sin(pi/2 * x) for x in [0, 1]: Taylor's series to the last bit of a double, nearly.
double QuarterSine(double x) {
  constexpr double kHalfPi = 1.5707963267948966;
  const double angle = kHalfPi * x;
  const double square = angle * angle;
  double term = angle;
  double sum = angle;
  for (int i = 2; i <= 24; i += 2) {
    term *= -square / (i * (i + 1));
    sum += term;
  }
  return sum;
}

// sin(2 pi * turns)
double Sine(double turns) {
  const auto whole = static_cast<int32_t>(turns);
  double quarters = 4.0 * (turns - whole);
  if (quarters < 0.0) quarters += 4.0;
  const bool negative = quarters >= 2.0;
  if (negative) quarters -= 2.0;
  const double value = QuarterSine(quarters <= 1.0 ? quarters : 2.0 - quarters);
  return negative ? -value : value;
}

int64_t Floor(double x) {
  const auto whole = static_cast<int64_t>(x);
  return static_cast<double>(whole) > x ? whole - 1 : whole;
}

template <class T>
void Butterflies2(Complex<T>* data, const Complex<T>* twiddles, int32_t stride, int32_t m) {
  for (int32_t k = 0; k < m; ++k) {
    const Complex<T> even = Divided(data[k], 2);
    const Complex<T> odd = Times(Divided(data[k + m], 2), twiddles[k * stride]);
    data[k + m] = Minus(even, odd);
    data[k] = Plus(even, odd);
  }
}

template <class T>
void Butterflies4(Complex<T>* data, const Complex<T>* twiddles, int32_t stride, int32_t m,
                  bool inverse) {
  for (int32_t k = 0; k < m; ++k) {
    const Complex<T> zero = Divided(data[k], 4);
    const Complex<T> one = Times(Divided(data[k + m], 4), twiddles[k * stride]);
    const Complex<T> two = Times(Divided(data[k + 2 * m], 4), twiddles[2 * k * stride]);
    const Complex<T> three = Times(Divided(data[k + 3 * m], 4), twiddles[3 * k * stride]);
    const Complex<T> even_sum = Plus(zero, two);
    const Complex<T> even_difference = Minus(zero, two);
    const Complex<T> odd_sum = Plus(one, three);
    const Complex<T> odd_difference = Minus(one, three);
    const Complex<T> a = {Plus(even_difference.real, odd_difference.imaginary),
                          Minus(even_difference.imaginary, odd_difference.real)};
    const Complex<T> b = {Minus(even_difference.real, odd_difference.imaginary),
                          Plus(even_difference.imaginary, odd_difference.real)};
    data[k] = Plus(even_sum, odd_sum);
    data[k + m] = inverse ? b : a;
    data[k + 2 * m] = Minus(even_sum, odd_sum);
    data[k + 3 * m] = inverse ? a : b;
  }
}

// Radix 4 as long as it divides, then 2. At most 8 levels deep for 2^15 points.
template <class T>
void Recurse(const Complex<T>* input, Complex<T>* output, int32_t size, int32_t stride,
             const Complex<T>* twiddles, bool inverse) {
  const int32_t radix = size % 4 == 0 ? 4 : 2;
  const int32_t m = size / radix;
  for (int32_t i = 0; i < radix; ++i) {
    if (m == 1) {
      output[i] = input[i * stride];
    } else {
      Recurse(input + i * stride, output + i * m, m, stride * radix, twiddles, inverse);
    }
  }
  if (radix == 4) {
    Butterflies4(output, twiddles, stride, m, inverse);
  } else {
    Butterflies2(output, twiddles, stride, m);
  }
}

}  // namespace

template <class T>
T Sample<T>::FromReal(double x) {
  return static_cast<T>(Floor(0.5 + static_cast<double>(kOne) * x));
}

template <class T>
Complex<T> Twiddle(double turns) {
  return {Sample<T>::FromReal(Sine(turns + 0.25)), Sample<T>::FromReal(Sine(turns))};
}

template <class T>
void Transform(const Complex<T>* input, Complex<T>* output, int32_t size,
               const Complex<T>* twiddles, bool inverse) {
  Recurse(input, output, size, 1, twiddles, inverse);
}

#define TINYDEPLOY_FFT(T)                 \
  template Complex<T> Twiddle<T>(double); \
  template void Transform<T>(const Complex<T>*, Complex<T>*, int32_t, const Complex<T>*, bool);
TINYDEPLOY_FFT(int16_t)
TINYDEPLOY_FFT(int32_t)
TINYDEPLOY_FFT(float)
#undef TINYDEPLOY_FFT

}  // namespace tinydeploy
