#include "kernels/elementwise/unary.h"

#include <math.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

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

Status EvalNot(const void* params, void* const* args) {
  return EvalEach<bool>(params, args, [](const UnaryParams&, bool x) { return !x; });
}

}  // namespace

Status PrepareAbs(PrepareContext& context) { return PrepareFloat<Absolute>(context); }
Status PrepareCeil(PrepareContext& context) { return PrepareFloat<ceilf>(context); }
Status PrepareCos(PrepareContext& context) { return PrepareFloat<cosf>(context); }
Status PrepareExp(PrepareContext& context) { return PrepareFloat<expf>(context); }
Status PrepareFloor(PrepareContext& context) { return PrepareFloat<floorf>(context); }
Status PrepareLog(PrepareContext& context) { return PrepareFloat<logf>(context); }
Status PrepareNeg(PrepareContext& context) { return PrepareFloat<Negative>(context); }
Status PrepareRound(PrepareContext& context) { return PrepareFloat<RoundHalfToEven>(context); }
Status PrepareRsqrt(PrepareContext& context) { return PrepareFloat<InverseRoot>(context); }
Status PrepareSin(PrepareContext& context) { return PrepareFloat<sinf>(context); }
Status PrepareSqrt(PrepareContext& context) { return PrepareFloat<sqrtf>(context); }
Status PrepareSquare(PrepareContext& context) { return PrepareFloat<Squared>(context); }

Status PrepareLogicalNot(PrepareContext& context) {
  constexpr UnaryEval kEvals[] = {{Type::kBool, EvalNot}};
  UnaryParams* params;
  return PrepareUnary(context, kEvals, &params);
}

}  // namespace tinydeploy
