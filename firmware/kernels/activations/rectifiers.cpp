// RELU, RELU6, LEAKY_RELU: piecewise linear.
#include <float.h>

#include "kernels/common/refuse.h"
#include "kernels/elementwise/unary.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

template <class T>
Status EvalRescaled(const void* params, void* const* args) {
  return EvalEach<T>(params, args, [](const UnaryParams& p, int32_t x) {
    const int32_t value = AddWrapping(Rescale(x + p.input_offset, p.positive), p.output_offset);
    return Clamp(value, p.range.lowest, p.range.highest);
  });
}

// TFLM does not rescale a RELU6 that stands alone: it clamps the stored values.
template <class T>
Status EvalClamped(const void* params, void* const* args) {
  return EvalEach<T>(params, args, [](const UnaryParams& p, int32_t x) {
    return Clamp(x, p.range.lowest, p.range.highest);
  });
}

Status EvalClampedFloat(const void* params, void* const* args) {
  return EvalEach<float>(params, args, [](const UnaryParams& p, float x) {
    return Clamp(x, p.float_range.lowest, p.float_range.highest);
  });
}

template <class T>
Status EvalLeaky(const void* params, void* const* args) {
  return EvalEach<T>(params, args, [](const UnaryParams& p, int32_t x) {
    const int32_t real = x + p.input_offset;
    const int32_t scaled = Rescale(real, real >= 0 ? p.positive : p.negative);
    return Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest);
  });
}

Status EvalLeakyFloat(const void* params, void* const* args) {
  return EvalEach<float>(params, args,
                         [](const UnaryParams& p, float x) { return x > 0.0f ? x : x * p.alpha; });
}

double Ratio(const PrepareContext& context) {
  return static_cast<double>(context.input(0).scale()) /
         static_cast<double>(context.output(0).scale());
}

}  // namespace

Status PrepareRelu(PrepareContext& context) {
  constexpr UnaryEval kEvals[] = {{Type::kInt8, EvalRescaled<int8_t>},
                                  {Type::kInt16, EvalRescaled<int16_t>},
                                  {Type::kFloat32, EvalClampedFloat}};
  UnaryParams* params;
  TINYDEPLOY_TRY(PrepareUnary(context, kEvals, &params));
  params->float_range = {0.0f, FLT_MAX};
  if (context.input(0).type == Type::kFloat32) return Status::kOk;
  params->range.lowest = Max(params->range.lowest, params->output_offset);
  return QuantizeMultiplier(Ratio(context), &params->positive) ? Status::kOk
                                                               : RefuseQuantization(context);
}

Status PrepareRelu6(PrepareContext& context) {
  constexpr UnaryEval kEvals[] = {{Type::kInt8, EvalClamped<int8_t>},
                                  {Type::kInt16, EvalClamped<int16_t>},
                                  {Type::kFloat32, EvalClampedFloat}};
  UnaryParams* params;
  TINYDEPLOY_TRY(PrepareUnary(context, kEvals, &params));
  params->float_range = {0.0f, 6.0f};
  const TensorView input = context.input(0);
  if (input.type == Type::kFloat32) return Status::kOk;
  if (!(input.scale() > 0.0f)) return RefuseQuantization(context);
  const int64_t six = static_cast<int64_t>(RoundToInt32(6.0f / input.scale())) + input.zero_point();
  params->range.highest = static_cast<int32_t>(Min<int64_t>(six, params->range.highest));
  params->range.lowest = input.zero_point();
  return Status::kOk;
}

Status PrepareLeakyRelu(PrepareContext& context) {
  constexpr UnaryEval kEvals[] = {{Type::kInt8, EvalLeaky<int8_t>},
                                  {Type::kInt16, EvalLeaky<int16_t>},
                                  {Type::kFloat32, EvalLeakyFloat}};
  UnaryParams* params;
  TINYDEPLOY_TRY(PrepareUnary(context, kEvals, &params));
  params->alpha = context.options().get<float>(0, 0.0f);
  if (context.input(0).type == Type::kFloat32) return Status::kOk;
  // The last bit of the multiplier decides some ties: the product comes first, in doubles.
  const double slope = static_cast<double>(context.input(0).scale()) *
                       static_cast<double>(params->alpha) /
                       static_cast<double>(context.output(0).scale());
  const bool sound = QuantizeMultiplier(Ratio(context), &params->positive) &&
                     QuantizeSignedMultiplier(slope, &params->negative);
  return sound ? Status::kOk : RefuseQuantization(context);
}

}  // namespace tinydeploy
