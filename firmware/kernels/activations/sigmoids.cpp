// LOGISTIC and TANH.
#include "kernels/activations/sigmoid_float.h"
#include "kernels/activations/sigmoid_table.h"
#include "kernels/common/exponential.h"
#include "kernels/common/refuse.h"
#include "kernels/elementwise/unary.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

constexpr int kInputBits = 4;  // integer bits: inputs of +-16 and beyond saturate

// Int8: `kOutputBits` fraction bits in the result, which saturates at +-`input_radius`.
template <int32_t (*kFunction)(int32_t, int), int kOutputBits, int kOutputZeroPoint>
Status EvalInt8(const void* params, void* const* args) {
  return EvalEach<int8_t>(params, args, [](const UnaryParams& p, int32_t x) -> int32_t {
    const int32_t real = x + p.input_offset;
    if (real <= -p.input_radius) return INT8_MIN;
    if (real >= p.input_radius) return INT8_MAX;
    const int32_t result = kFunction(Rescale(real, p.positive), kInputBits);
    const int32_t rounded = RoundingShiftRight(result, 31 - kOutputBits) + kOutputZeroPoint;
    return Clamp<int32_t>(rounded, INT8_MIN, INT8_MAX);
  });
}

template <float (*kFunction)(float)>
Status EvalFloat(const void* params, void* const* args) {
  return EvalEach<float>(params, args, [](const UnaryParams&, float x) { return kFunction(x); });
}

Status EvalLogisticInt16(const void* params, void* const* args) {
  return EvalEach<int16_t>(params, args, [](const UnaryParams& p, int32_t x) {
    return LogisticInt16(MulWrapping(x, p.positive.multiplier), p.positive.shift);
  });
}

Status EvalTanhInt16(const void* params, void* const* args) {
  return EvalEach<int16_t>(params, args, [](const UnaryParams& p, int32_t x) {
    return TanhInt16(MulWrapping(x, p.positive.multiplier), p.positive.shift);
  });
}

// Largest input, in steps of the scale, that still fits into `kInputBits` integer bits.
int32_t Radius(int shift) {
  const int64_t reach = static_cast<int64_t>((1 << kInputBits) - 1) << (31 - kInputBits);
  return static_cast<int32_t>(shift >= 0 ? reach >> shift
                                         : Min<int64_t>(reach << -shift, INT32_MAX));
}

// Steps so coarse that nothing fits into `kInputBits`: all saturates, the zero point to the lowest.
constexpr double kTooCoarse = 1 << 30;

bool FillInt8(float scale, UnaryParams* params) {
  const double real = static_cast<double>(scale) * (1 << (31 - kInputBits));
  params->input_radius = 0;
  if (real >= kTooCoarse) return true;
  if (!QuantizeMultiplier(real, &params->positive)) return false;
  params->input_radius = Radius(params->positive.shift);
  return params->positive.shift >= 0;
}

// `scale`, or `power` if it is less than 1/1000 of an octave away: TFLM takes it for that power.
double Rounded(double scale, double power) {
  constexpr double kNear = 0.000693387;  // 2^0.001 - 1
  const bool near = scale < power * (1 + kNear) && scale * (1 + kNear) > power;
  return near ? power : scale;
}

// The table wants inputs in steps of 1/(3 * 4096): a factor of 16 bits and a right shift; of more
// bits where the steps are coarse, when the products wrap, as TFLM's do.
bool FillInt16(double scale, UnaryParams* params) {
  double factor = scale * 4096 * 3;
  int32_t shift = 0;
  while (factor <= 32767.0 / 2 && shift <= 30) {
    ++shift;
    factor *= 2;
  }
  if (!(factor < 2147483648.0)) return false;  // or no number: neither is to be cast
  params->positive = {static_cast<int32_t>(factor), shift};
  return true;
}

Status PrepareSigmoid(PrepareContext& context, const UnaryEval (&evals)[3], double coarsest) {
  UnaryParams* params;
  TINYDEPLOY_TRY(PrepareUnary(context, evals, &params));
  const TensorView input = context.input(0);
  if (input.type == Type::kFloat32) return Status::kOk;
  const double fine = Rounded(static_cast<double>(input.scale()), 1.0 / 4096);
  const bool sound = input.scale() > 0.0f &&
                     (input.type == Type::kInt8 ? FillInt8(input.scale(), params)
                                                : FillInt16(Rounded(fine, coarsest), params));
  return sound ? Status::kOk : RefuseQuantization(context);
}

}  // namespace

Status PrepareLogistic(PrepareContext& context) {
  return PrepareSigmoid(context,
                        {{Type::kInt8, EvalInt8<LogisticFixed, 8, -128>},
                         {Type::kInt16, EvalLogisticInt16},
                         {Type::kFloat32, EvalFloat<Logistic>}},
                        1.0 / 4096);
}

Status PrepareTanh(PrepareContext& context) {
  return PrepareSigmoid(context,
                        {{Type::kInt8, EvalInt8<TanhFixed, 7, 0>},
                         {Type::kInt16, EvalTanhInt16},
                         {Type::kFloat32, EvalFloat<Tanh>}},
                        1.0 / 2048);
}

}  // namespace tinydeploy
