#include "kernels/common/int4.h"
#include "kernels/common/per_channel.h"
#include "kernels/common/refuse.h"
#include "kernels/depthwise_conv/depthwise_conv.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

namespace option {
enum : int { kPadding, kStrideW, kStrideH, kDepthMultiplier, kActivation, kDilationW, kDilationH };
}

bool Measure(const PrepareContext& context, DepthwiseGeometry* geometry) {
  const Shape input = context.input(depthwise_arg::kInput).shape;
  const Shape filter = context.input(depthwise_arg::kFilter).shape;
  const Shape output = context.output(0).shape;
  const Table& options = context.options();
  if (input.rank != 4 || filter.rank != 4 || output.rank != 4 || input[3] < 1 || filter[3] < 1) {
    return false;
  }
  DepthwiseGeometry& g = *geometry;
  g.y = {input[1],
         0,
         filter[1],
         options.get<int32_t>(option::kStrideH, 0),
         options.get<int32_t>(option::kDilationH, 1),
         0};
  g.x = {input[2],
         0,
         filter[2],
         options.get<int32_t>(option::kStrideW, 0),
         options.get<int32_t>(option::kDilationW, 1),
         0};
  const auto padding = static_cast<Padding>(options.get<int8_t>(option::kPadding, 0));
  if (!PlaceWindow(padding, &g.y) || !PlaceWindow(padding, &g.x)) return false;
  g.batches = input[0];
  g.input_depth = input[3];
  // The option of the same name says the same in sound models.
  g.multiplier = filter[3] / g.input_depth;
  return filter[3] % g.input_depth == 0 && filter[0] == 1 && output[0] == g.batches &&
         output[1] == g.y.output && output[2] == g.x.output && output[3] == filter[3];
}

EvalFn ChooseEval(const PrepareContext& context) {
  const Type type = context.input(depthwise_arg::kInput).type;
  const Type filter = context.input(depthwise_arg::kFilter).type;
  const bool has_bias = context.has_input(depthwise_arg::kBias);
  if (context.output(0).type != type) return nullptr;
  const auto bias_is = [&](Type wanted) {
    return !has_bias || context.input(depthwise_arg::kBias).type == wanted;
  };
  if (type == Type::kFloat32) return filter == type && bias_is(type) ? EvalDepthwiseFloat : nullptr;
  if (filter == Type::kInt4) {
    return type == Type::kInt8 && bias_is(Type::kInt32) ? EvalDepthwiseInt4 : nullptr;
  }
  if (filter != Type::kInt8) return nullptr;
  if (type == Type::kInt8) return bias_is(Type::kInt32) ? EvalDepthwiseInt8 : nullptr;
  return type == Type::kInt16 && bias_is(Type::kInt64) ? EvalDepthwiseInt16 : nullptr;
}

Status PrepareFloat(PrepareContext& context, const DepthwiseGeometry& geometry,
                    Activation activation) {
  auto* params = context.Params<DepthwiseFloatParams>();
  if (params == nullptr) return kNoMemory;
  params->geometry = geometry;
  return ActivationRange(activation, &params->range) ? Status::kOk : RefuseOptions(context);
}

Status PrepareQuantized(PrepareContext& context, const DepthwiseGeometry& geometry,
                        Activation activation) {
  const TensorView input = context.input(depthwise_arg::kInput);
  const TensorView filter = context.input(depthwise_arg::kFilter);
  const TensorView output = context.output(0);
  const int32_t channels = geometry.input_depth * geometry.multiplier;
  auto* params = context.Params<DepthwiseParams>(PerChannelBytes(channels));
  if (params == nullptr) return kNoMemory;
  params->geometry = geometry;
  params->input_offset = -input.zero_point();
  params->output_offset = output.zero_point();
  if (!ActivationRange(activation, output, &params->range)) return RefuseOptions(context);
  return FillPerChannel(input, filter, output, channels, params + 1)
             ? ReserveUnpacked(context, depthwise_arg::kFilter)
             : RefuseQuantization(context);
}

}  // namespace

Status PrepareDepthwiseConv2D(PrepareContext& context) {
  const EvalFn eval = ChooseEval(context);
  if (eval == nullptr) return RefuseTypes(context);
  context.SetEval(eval);
  DepthwiseGeometry geometry;
  if (!Measure(context, &geometry)) return RefuseShapes(context);
  if (context.has_input(depthwise_arg::kBias) &&
      context.input(depthwise_arg::kBias).shape.elements() !=
          geometry.input_depth * geometry.multiplier) {
    return RefuseShapes(context);
  }
  const auto activation =
      static_cast<Activation>(context.options().get<int8_t>(option::kActivation, 0));
  return eval == EvalDepthwiseFloat ? PrepareFloat(context, geometry, activation)
                                    : PrepareQuantized(context, geometry, activation);
}

}  // namespace tinydeploy
