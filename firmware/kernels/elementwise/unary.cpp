#include "kernels/elementwise/unary.h"

#include <math.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/normalize/inverse_root.h"

namespace tinydeploy {

Status PrepareUnary(PrepareContext& context, const UnaryEval* evals, int count,
                    UnaryParams** params) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  EvalFn eval = nullptr;
  for (int i = 0; i < count; ++i) {
    if (evals[i].type == input.type) eval = evals[i].eval;
  }
  if (eval == nullptr || output.type != input.type) return RefuseTypes(context);
  if (input.shape.elements() != output.shape.elements()) return RefuseShapes(context);
  context.SetEval(eval);
  auto* p = context.Params<UnaryParams>();
  if (p == nullptr) return kNoMemory;
  p->count = input.shape.elements();
  p->input_offset = -input.zero_point();
  p->output_offset = output.zero_point();
  p->range = TypeRange(output.type);
  *params = p;
  return Status::kOk;
}

namespace {

float Absolute(float x) { return fabsf(x); }
float Negative(float x) { return -x; }
float Squared(float x) { return x * x; }
float InverseRoot(float x) { return 1.0f / sqrtf(x); }

// Half to even, as the CPU's default mode and TFLM do; roundf would take it away from zero.
float RoundHalfToEven(float x) {
  const float below = floorf(x);
  const float rest = x - below;
  if (rest < 0.5f) return below;
  if (rest > 0.5f) return below + 1.0f;
  return floorf(below * 0.5f) * 2.0f == below ? below : below + 1.0f;
}

template <float (*kFunction)(float)>
Status EvalFloat(const void* params, void* const* args) {
  return EvalEach<float>(params, args, [](const UnaryParams&, float x) { return kFunction(x); });
}

template <float (*kFunction)(float)>
Status PrepareFloat(PrepareContext& context) {
  constexpr UnaryEval kEvals[] = {{Type::kFloat32, EvalFloat<kFunction>}};
  UnaryParams* params;
  return PrepareUnary(context, kEvals, &params);
}

// |x|, brought to the output's scale where that is another one.
template <class T>
Status EvalAbs(const void* params, void* const* args) {
  return EvalEach<T>(params, args, [](const UnaryParams& p, int32_t x) {
    const int32_t value = x + p.input_offset;
    const int32_t magnitude = value < 0 ? -value : value;
    const int32_t scaled = p.positive.multiplier == 0 ? magnitude : Rescale(magnitude, p.positive);
    return Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest);
  });
}

// 1 / sqrt(x); the largest value for 0. Fails on negative ones.
template <class T>
Status EvalRsqrt(const void* params, void* const* args) {
  constexpr int kFractionBits = 20;
  bool sound = true;
  const auto root_of = [&sound](const UnaryParams& p, int32_t x) -> int32_t {
    const int32_t value = x + p.input_offset;
    sound = sound && value >= 0;
    if (value <= 0) return p.range.highest;
    const Multiplier root = InverseRootOf(value);
    const int32_t fine = Rescale(1, root.multiplier, root.shift + kFractionBits);
    const int32_t scaled = Rescale(fine, p.positive.multiplier, p.positive.shift - kFractionBits);
    return Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest);
  };
  const Status status = EvalEach<T>(params, args, root_of);
  return sound ? status : Status::kError;
}

Status EvalNot(const void* params, void* const* args) {
  return EvalEach<Bool>(params, args, [](const UnaryParams&, bool x) { return !x; });
}

}  // namespace

Status PrepareAbs(PrepareContext& context) {
  constexpr UnaryEval kEvals[] = {{Type::kFloat32, EvalFloat<Absolute>},
                                  {Type::kInt8, EvalAbs<int8_t>},
                                  {Type::kInt16, EvalAbs<int16_t>}};
  UnaryParams* params;
  TINYDEPLOY_TRY(PrepareUnary(context, kEvals, &params));
  const float from = context.input(0).scale();
  const float to = context.output(0).scale();
  if (context.input(0).type == Type::kFloat32 || from == to) return Status::kOk;
  return QuantizeRatio(from, to, &params->positive) ? Status::kOk : RefuseQuantization(context);
}
Status PrepareCeil(PrepareContext& context) { return PrepareFloat<ceilf>(context); }
Status PrepareCos(PrepareContext& context) { return PrepareFloat<cosf>(context); }
Status PrepareExp(PrepareContext& context) { return PrepareFloat<expf>(context); }
Status PrepareFloor(PrepareContext& context) { return PrepareFloat<floorf>(context); }
Status PrepareLog(PrepareContext& context) { return PrepareFloat<logf>(context); }
Status PrepareNeg(PrepareContext& context) { return PrepareFloat<Negative>(context); }
Status PrepareRound(PrepareContext& context) { return PrepareFloat<RoundHalfToEven>(context); }
Status PrepareRsqrt(PrepareContext& context) {
  constexpr UnaryEval kEvals[] = {{Type::kFloat32, EvalFloat<InverseRoot>},
                                  {Type::kInt8, EvalRsqrt<int8_t>},
                                  {Type::kInt16, EvalRsqrt<int16_t>}};
  constexpr int kLeastShift = -11;  // with 20 more it is still a shift of 32 bits
  UnaryParams* params;
  TINYDEPLOY_TRY(PrepareUnary(context, kEvals, &params));
  if (context.input(0).type == Type::kFloat32) return Status::kOk;
  const double root = sqrt(static_cast<double>(context.input(0).scale()));
  const double unit = root * static_cast<double>(context.output(0).scale());
  const bool sound = unit > 0.0 && QuantizeMultiplier(1.0 / unit, &params->positive) &&
                     params->positive.shift >= kLeastShift;
  return sound ? Status::kOk : RefuseQuantization(context);
}
Status PrepareSin(PrepareContext& context) { return PrepareFloat<sinf>(context); }
Status PrepareSqrt(PrepareContext& context) { return PrepareFloat<sqrtf>(context); }
Status PrepareSquare(PrepareContext& context) { return PrepareFloat<Squared>(context); }

Status PrepareLogicalNot(PrepareContext& context) {
  constexpr UnaryEval kEvals[] = {{Type::kBool, EvalNot}};
  UnaryParams* params;
  return PrepareUnary(context, kEvals, &params);
}

}  // namespace tinydeploy
