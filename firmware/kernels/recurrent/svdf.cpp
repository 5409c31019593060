// SVDF: each filter keeps the last projections of the input and weighs them over time; `rank`
// filters add up to a unit.
#include <string.h>

#include "kernels/common/dot.h"
#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

struct SvdfParams {
  int32_t batches;
  int32_t input_size;
  int32_t units;
  int32_t rank;
  int32_t memory;        // steps that a filter remembers
  int32_t input_offset;  // -zero point
  int32_t state_offset;
  int32_t output_offset;
  Multiplier to_state;   // scales: input * feature weights / state
  Multiplier to_output;  // state * time weights / output
  FloatRange range;
};

enum : int { kInput, kFeatures, kTimes, kBias, kState, kOutput };

// project(feature weights) is the newest value of a filter; finish(unit, filters of the unit)
template <class Weight, class Time, class State, class Project, class Finish>
void Batch(const SvdfParams& p, void* const* args, int32_t batch, Project project, Finish finish) {
  const auto* features = static_cast<const Weight*>(args[kFeatures]);
  const auto* times = static_cast<const Time*>(args[kTimes]);
  const int32_t filters = p.units * p.rank;
  State* state = static_cast<State*>(args[kState]) + batch * filters * p.memory;
  for (int32_t f = 0; f < filters; ++f) {
    State* row = state + f * p.memory;
    memmove(row, row + 1, static_cast<size_t>(p.memory - 1) * sizeof(State));
    row[p.memory - 1] = project(features + f * p.input_size);
  }
  const int32_t step = p.rank * p.memory;
  for (int32_t u = 0; u < p.units; ++u) finish(u, state + u * step, times + u * step);
}

template <class Time, class State>
Status EvalInt8(const void* params, void* const* args) {
  const auto& p = *static_cast<const SvdfParams*>(params);
  const auto* bias = static_cast<const int32_t*>(args[kBias]);
  const auto* input = static_cast<const int8_t*>(args[kInput]);
  auto* output = static_cast<int8_t*>(args[kOutput]);
  for (int32_t b = 0; b < p.batches; ++b, input += p.input_size) {
    Batch<int8_t, Time, State>(
        p, args, b,
        [&](const int8_t* weights) {
          const int32_t sum = Dot(0, input, weights, p.input_size, p.input_offset);
          const int32_t value = SubWrapping(Rescale(sum, p.to_state), p.state_offset);
          return static_cast<State>(
              Clamp<int32_t>(value, TypeLimit<State>::kLowest, TypeLimit<State>::kHighest));
        },
        [&](int32_t unit, const State* state, const Time* weights) {
          const int32_t start = bias == nullptr ? 0 : bias[unit];
          const int32_t sum = Dot(start, state, weights, p.rank * p.memory, p.state_offset);
          const int32_t value = AddWrapping(Rescale(sum, p.to_output), p.output_offset);
          *output++ = static_cast<int8_t>(Clamp<int32_t>(value, INT8_MIN, INT8_MAX));
        });
  }
  return Status::kOk;
}

Status EvalFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const SvdfParams*>(params);
  const auto* bias = static_cast<const float*>(args[kBias]);
  const auto* input = static_cast<const float*>(args[kInput]);
  auto* output = static_cast<float*>(args[kOutput]);
  for (int32_t b = 0; b < p.batches; ++b, input += p.input_size) {
    Batch<float, float, float>(
        p, args, b,
        [&](const float* weights) { return Dot(0.0f, input, weights, p.input_size, 0.0f); },
        [&](int32_t unit, const float* state, const float* weights) {
          float sum = bias == nullptr ? 0.0f : bias[unit];
          for (int32_t r = 0; r < p.rank; ++r) {  // filter by filter, as TFLM adds them
            sum += Dot(0.0f, state + r * p.memory, weights + r * p.memory, p.memory, 0.0f);
          }
          *output++ = Clamp(sum, p.range.lowest, p.range.highest);
        });
  }
  return Status::kOk;
}

EvalFn ChooseEval(const PrepareContext& context) {
  const auto type = [&](int i) { return context.input(i).type; };
  const Type bias = type(kInput) == Type::kInt8 ? Type::kInt32 : Type::kFloat32;
  if (context.has_input(kBias) && type(kBias) != bias) return nullptr;
  if (type(kFeatures) != type(kInput) || context.output(0).type != type(kInput) ||
      type(kTimes) != type(kState)) {
    return nullptr;
  }
  if (type(kInput) == Type::kFloat32) return type(kState) == Type::kFloat32 ? EvalFloat : nullptr;
  if (type(kInput) != Type::kInt8) return nullptr;
  if (type(kState) == Type::kInt8) return EvalInt8<int8_t, int8_t>;
  return type(kState) == Type::kInt16 ? EvalInt8<int16_t, int16_t> : nullptr;
}

bool Measure(const PrepareContext& context, SvdfParams* params) {
  constexpr int kRank = 0;
  const Shape input = context.input(kInput).shape;
  const Shape features = context.input(kFeatures).shape;
  const Shape times = context.input(kTimes).shape;
  const Shape state = context.input(kState).shape;
  const Shape output = context.output(0).shape;
  if (input.rank != 2 || features.rank != 2 || times.rank != 2 || state.rank != 2 ||
      output.rank != 2) {
    return false;
  }
  SvdfParams& p = *params;
  p.batches = input[0];
  p.input_size = input[1];
  p.memory = times[1];
  p.rank = context.options().get<int32_t>(kRank, 0);
  if (p.rank < 1 || p.memory < 1 || features[0] % p.rank != 0) return false;
  p.units = features[0] / p.rank;
  const bool bias_fits =
      !context.has_input(kBias) || context.input(kBias).shape.elements() == p.units;
  return bias_fits && features[1] == p.input_size && times[0] == features[0] &&
         state[0] == p.batches && static_cast<int64_t>(features[0]) * p.memory == state[1] &&
         output[0] == p.batches && output[1] == p.units;
}

bool FillInt8(const PrepareContext& context, SvdfParams* params) {
  const TensorView input = context.input(kInput);
  const TensorView state = context.input(kState);
  const TensorView output = context.output(0);
  params->input_offset = -input.zero_point();
  params->state_offset = -state.zero_point();
  params->output_offset = output.zero_point();
  const float features = context.input(kFeatures).scale();
  const float times = context.input(kTimes).scale();
  return QuantizeProduct(input.scale(), features, state.scale(), &params->to_state) &&
         QuantizeProduct(state.scale(), times, output.scale(), &params->to_output);
}

}  // namespace

Status PrepareSvdf(PrepareContext& context) {
  constexpr int kActivation = 1;
  if (context.input_count() <= kState || !context.has_input(kState)) return RefuseShapes(context);
  const EvalFn eval = ChooseEval(context);
  if (eval == nullptr) return RefuseTypes(context);
  if (!context.input(kState).is_variable) return context.Fail("the state must be a variable");
  context.SetEval(eval);
  auto* params = context.Params<SvdfParams>();
  if (params == nullptr) return kNoMemory;
  if (!Measure(context, params)) return RefuseShapes(context);
  const auto activation = static_cast<Activation>(context.options().get<int8_t>(kActivation, 0));
  if (!ActivationRange(activation, &params->range)) return RefuseOptions(context);
  if (eval == EvalFloat || FillInt8(context, params)) return Status::kOk;
  return RefuseQuantization(context);
}

}  // namespace tinydeploy
