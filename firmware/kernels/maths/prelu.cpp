// PRELU, FLOOR_DIV, FLOOR_MOD: functions of two broadcast inputs.
#include <math.h>

#include "kernels/common/refuse.h"
#include "kernels/elementwise/binary.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

// ---- PRELU: input x slopes. ----

Status EvalPreluFloat(const void* params, void* const* args) {
  return EvalPairs<float, float>(params, args, [](const BinaryParams&, float value, float slope) {
    return value >= 0.0f ? value : value * slope;
  });
}

// `input[0]` is the factor of positive values, `input[1]` that of value times slope.
Status EvalPreluInt8(const void* params, void* const* args) {
  return EvalPairs<int8_t, int8_t>(
      params, args, [](const BinaryParams& p, int32_t value, int32_t slope) {
        const int32_t real = value + p.offset[0];
        const int32_t scaled = real >= 0 ? Rescale(real, p.input[0])
                                         : Rescale(real * (slope + p.offset[1]), p.input[1]);
        return Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest);
      });
}

// ---- FLOOR_DIV, FLOOR_MOD ----

float FloorDiv(float a, float b) { return floorf(a / b); }

float FloorMod(float a, float b) {
  const float rest = fmodf(a, b);
  return rest != 0.0f && (b < 0.0f) != (rest < 0.0f) ? rest + b : rest;
}

template <float (*kFunction)(float, float)>
Status EvalDivision(const void* params, void* const* args) {
  bool by_zero = false;
  const Status status =
      EvalPairs<float, float>(params, args, [&](const BinaryParams&, float a, float b) {
        if (b == 0.0f) by_zero = true;
        return b == 0.0f ? 0.0f : kFunction(a, b);
      });
  return by_zero ? Status::kError : status;
}

template <float (*kFunction)(float, float)>
Status PrepareDivision(PrepareContext& context) {
  constexpr BinaryEval kEvals[] = {{Type::kFloat32, Type::kFloat32, EvalDivision<kFunction>}};
  BinaryParams* params;
  return PrepareBinary(context, kEvals, &params);
}

}  // namespace

Status PreparePrelu(PrepareContext& context) {
  constexpr BinaryEval kEvals[] = {{Type::kFloat32, Type::kFloat32, EvalPreluFloat},
                                   {Type::kInt8, Type::kInt8, EvalPreluInt8}};
  BinaryParams* params;
  TINYDEPLOY_TRY(PrepareBinary(context, kEvals, &params));
  if (context.input(0).type == Type::kFloat32) return Status::kOk;
  const auto input = static_cast<double>(context.input(0).scale());
  const auto slope = static_cast<double>(context.input(1).scale());
  const auto output = static_cast<double>(context.output(0).scale());
  const bool sound = QuantizeMultiplier(input / output, &params->input[0]) &&
                     QuantizeMultiplier(input * slope / output, &params->input[1]);
  return sound ? Status::kOk : RefuseQuantization(context);
}

Status PrepareFloorDiv(PrepareContext& context) { return PrepareDivision<FloorDiv>(context); }
Status PrepareFloorMod(PrepareContext& context) { return PrepareDivision<FloorMod>(context); }

}  // namespace tinydeploy
