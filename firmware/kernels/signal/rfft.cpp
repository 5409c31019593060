// SignalRfft and SignalIrfft: between `length` real samples and length / 2 + 1 complex ones, by a
// complex transform of half the length.
#include <string.h>

#include "kernels/kernels.h"
#include "kernels/signal/fft.h"
#include "kernels/signal/signal.h"

namespace tinydeploy {
namespace {

// Followed by half the length of twiddles for the complex transform, then a quarter of it of those
// that take the two interleaved halves apart.
struct RfftParams {
  int32_t rows;
  int32_t input_size;  // real samples, filled up with zeros
  int32_t length;
};

template <class T>
const Complex<T>* Twiddles(const RfftParams& p) {
  return reinterpret_cast<const Complex<T>*>(&p + 1);
}

// Of frequencies k and half - k, from those of even and odd samples mixed, in place.
template <class T>
void TakeApart(Complex<T>* data, int32_t half, const Complex<T>* splits) {
  using S = Sample<T>;
  const Complex<T> zero = Divided(data[0], 2);
  data[0] = {Plus(zero.real, zero.imaginary), T(0)};
  data[half] = {Minus(zero.real, zero.imaginary), T(0)};
  for (int32_t k = 1; k <= half / 2; ++k) {
    const Complex<T> a = Divided(data[k], 2);
    const Complex<T> mirrored = {data[half - k].real, Minus(T(0), data[half - k].imaginary)};
    const Complex<T> b = Divided(mirrored, 2);
    const Complex<T> sum = Plus(a, b);
    const Complex<T> turned = Times(Minus(a, b), splits[k - 1]);
    data[k] = {S::HalfOfSum(sum.real, turned.real), S::HalfOfSum(sum.imaginary, turned.imaginary)};
    data[half - k] = {S::HalfOfDifference(sum.real, turned.real),
                      S::HalfOfDifference(turned.imaginary, sum.imaginary)};
  }
}

// The way back.
template <class T>
void PutTogether(const Complex<T>* input, Complex<T>* mixed, int32_t half,
                 const Complex<T>* splits) {
  const Complex<T> zero = {Plus(input[0].real, input[half].real),
                           Minus(input[0].real, input[half].real)};
  mixed[0] = Divided(zero, 2);
  for (int32_t k = 1; k <= half / 2; ++k) {
    const Complex<T> a = Divided(input[k], 2);
    const Complex<T> mirrored = {input[half - k].real, Minus(T(0), input[half - k].imaginary)};
    const Complex<T> b = Divided(mirrored, 2);
    const Complex<T> even = Plus(a, b);
    const Complex<T> odd = Times(Minus(a, b), splits[k - 1]);
    mixed[k] = Plus(even, odd);
    const Complex<T> difference = Minus(even, odd);
    mixed[half - k] = {difference.real, Minus(T(0), difference.imaginary)};
  }
}

template <class T>
Status EvalRfft(const void* params, void* const* args) {
  const auto& p = *static_cast<const RfftParams*>(params);
  const auto* input = static_cast<const T*>(args[0]);
  auto* output = static_cast<Complex<T>*>(args[1]);
  auto* padded = static_cast<T*>(args[2]);
  const int32_t half = p.length / 2;
  for (int32_t r = 0; r < p.rows; ++r, input += p.input_size, output += half + 1) {
    memcpy(padded, input, static_cast<size_t>(p.input_size) * sizeof(T));
    memset(padded + p.input_size, 0, static_cast<size_t>(p.length - p.input_size) * sizeof(T));
    Transform(reinterpret_cast<const Complex<T>*>(padded), output, half, Twiddles<T>(p), false);
    TakeApart(output, half, Twiddles<T>(p) + half);
  }
  return Status::kOk;
}

template <class T>
Status EvalIrfft(const void* params, void* const* args) {
  const auto& p = *static_cast<const RfftParams*>(params);
  const auto* input = static_cast<const Complex<T>*>(args[0]);
  auto* output = static_cast<Complex<T>*>(args[1]);
  auto* mixed = static_cast<Complex<T>*>(args[2]);
  const int32_t half = p.length / 2;
  for (int32_t r = 0; r < p.rows; ++r, input += half + 1, output += half) {
    PutTogether(input, mixed, half, Twiddles<T>(p) + half);
    Transform(mixed, output, half, Twiddles<T>(p), true);
    Sample<T>::Normalize(reinterpret_cast<T*>(output), p.length);
  }
  return Status::kOk;
}

template <class T>
void FillTwiddles(int32_t half, bool inverse, void* behind) {
  auto* twiddles = static_cast<Complex<T>*>(behind);
  const double sign = inverse ? 1.0 : -1.0;
  for (int32_t i = 0; i < half; ++i) *twiddles++ = Twiddle<T>(sign * i / half);
  for (int32_t i = 0; i < half / 2; ++i) {
    *twiddles++ = Twiddle<T>(sign * 0.5 * (static_cast<double>(i + 1) / half + 0.5));
  }
}

struct TypedEvals {
  Type type;
  uint32_t bytes;
  EvalFn forward;
  EvalFn inverse;
  void (*fill)(int32_t, bool, void*);
};
constexpr TypedEvals kEvals[] = {
    {Type::kInt16, 2, EvalRfft<int16_t>, EvalIrfft<int16_t>, FillTwiddles<int16_t>},
    {Type::kInt32, 4, EvalRfft<int32_t>, EvalIrfft<int32_t>, FillTwiddles<int32_t>},
    {Type::kFloat32, 4, EvalRfft<float>, EvalIrfft<float>, FillTwiddles<float>},
};

const TypedEvals* Choose(const PrepareContext& context) {
  for (const TypedEvals& row : kEvals) {
    if (HasTypes(context, row.type, row.type)) return &row;
  }
  return nullptr;
}

Status Prepare(PrepareContext& context, bool inverse) {
  constexpr int32_t kShortest = 4;
  constexpr int32_t kLongest = limits::kFftSamples;
  const TypedEvals* row = Choose(context);
  if (row == nullptr) return RefuseTypes(context);
  const Shape input = context.input(0).shape;
  const Shape output = context.output(0).shape;
  const int32_t length = FlexMap(context.custom_options()).integer("fft_length", 0);
  if (length > kLongest) return RefuseSize(context, length, kLongest);
  if (!IsIn(length, kShortest, kLongest)) return RefuseOptions(context);
  if ((length & (length - 1)) != 0)
    return context.Fail("fft_length %d: powers of two only", static_cast<int>(length));
  const bool fits = inverse ? RowSize(input) == length + 2 && RowSize(output) == length
                            : RowSize(input) <= length && RowSize(output) == length + 2;
  if (!fits || RowsOf(input) != RowsOf(output)) return RefuseShapes(context);
  const int32_t half = length / 2;
  auto* params =
      context.Params<RfftParams>(static_cast<uint32_t>(half + half / 2) * 2 * row->bytes);
  if (params == nullptr) return kNoMemory;
  *params = {RowsOf(input), RowSize(input), length};
  row->fill(half, inverse, params + 1);
  context.SetEval(inverse ? row->inverse : row->forward);
  return context.Scratch(static_cast<uint32_t>(length) * row->bytes);
}

}  // namespace

Status PrepareRfft(PrepareContext& context) { return Prepare(context, false); }
Status PrepareIrfft(PrepareContext& context) { return Prepare(context, true); }

}  // namespace tinydeploy
