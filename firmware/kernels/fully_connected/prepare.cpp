#include "kernels/common/int4.h"
#include "kernels/common/per_channel.h"
#include "kernels/common/refuse.h"
#include "kernels/fully_connected/fully_connected.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

namespace option {
enum : int { kActivation, kWeightsFormat };
}

bool Measure(const PrepareContext& context, FullyConnectedGeometry* geometry) {
  const Shape input = context.input(fully_connected_arg::kInput).shape;
  const Shape weights = context.input(fully_connected_arg::kWeights).shape;
  const Shape output = context.output(0).shape;
  if (weights.rank != 2 || weights[0] < 1 || weights[1] < 1 || output.rank < 1) return false;
  FullyConnectedGeometry& g = *geometry;
  g.units = weights[0];
  g.depth = weights[1];
  g.batches = input.elements() / g.depth;
  if (context.has_input(fully_connected_arg::kBias) &&
      context.input(fully_connected_arg::kBias).shape.elements() != g.units) {
    return false;
  }
  return input.elements() % g.depth == 0 && output[-1] == g.units &&
         output.elements() / g.units == g.batches;
}

EvalFn ChooseEval(const PrepareContext& context) {
  const Type type = context.input(fully_connected_arg::kInput).type;
  const Type weights = context.input(fully_connected_arg::kWeights).type;
  const auto bias_is = [&](Type wanted) {
    return !context.has_input(fully_connected_arg::kBias) ||
           context.input(fully_connected_arg::kBias).type == wanted;
  };
  if (context.output(0).type != type) return nullptr;
  if (type == Type::kFloat32) {
    return weights == type && bias_is(type) ? EvalFullyConnectedFloat : nullptr;
  }
  if (weights == Type::kInt4) {
    return type == Type::kInt8 && bias_is(Type::kInt32) ? EvalFullyConnectedInt4 : nullptr;
  }
  if (weights != Type::kInt8) return nullptr;
  if (type == Type::kInt8) return bias_is(Type::kInt32) ? EvalFullyConnectedInt8 : nullptr;
  return type == Type::kInt16 && bias_is(Type::kInt64) ? EvalFullyConnectedInt16 : nullptr;
}

Status PrepareFloat(PrepareContext& context, const FullyConnectedGeometry& geometry,
                    Activation activation) {
  auto* params = context.Params<FullyConnectedFloatParams>();
  if (params == nullptr) return kNoMemory;
  params->geometry = geometry;
  return ActivationRange(activation, &params->range) ? Status::kOk : RefuseOptions(context);
}

Status PrepareQuantized(PrepareContext& context, const FullyConnectedGeometry& geometry,
                        Activation activation) {
  const TensorView input = context.input(fully_connected_arg::kInput);
  const TensorView weights = context.input(fully_connected_arg::kWeights);
  const TensorView output = context.output(0);
  const bool per_channel = weights.scales.size() > 1;
  auto* params =
      context.Params<FullyConnectedParams>(per_channel ? PerChannelBytes(geometry.units) : 0);
  if (params == nullptr) return kNoMemory;
  params->geometry = geometry;
  params->input_offset = -input.zero_point();
  params->weight_offset = per_channel ? 0 : -weights.zero_point();
  params->output_offset = output.zero_point();
  params->per_channel = per_channel;
  if (!ActivationRange(activation, output, &params->range)) return RefuseOptions(context);
  const bool sound =
      per_channel
          ? FillPerChannel(input, weights, output, geometry.units, params + 1)
          : QuantizeProduct(input.scale(), weights.scale(), output.scale(), &params->factor);
  return sound ? ReserveUnpacked(context, fully_connected_arg::kWeights)
               : RefuseQuantization(context);
}

}  // namespace

Status PrepareFullyConnected(PrepareContext& context) {
  const EvalFn eval = ChooseEval(context);
  if (eval == nullptr) return RefuseTypes(context);
  context.SetEval(eval);
  FullyConnectedGeometry geometry;
  if (!Measure(context, &geometry)) return RefuseShapes(context);
  const Table& options = context.options();
  if (options.get<int8_t>(option::kWeightsFormat, 0) != 0) return RefuseOptions(context);
  const auto activation = static_cast<Activation>(options.get<int8_t>(option::kActivation, 0));
  return eval == EvalFullyConnectedFloat ? PrepareFloat(context, geometry, activation)
                                         : PrepareQuantized(context, geometry, activation);
}

}  // namespace tinydeploy
