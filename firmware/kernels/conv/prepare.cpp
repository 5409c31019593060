#include "kernels/common/int4.h"
#include "kernels/common/per_channel.h"
#include "kernels/common/refuse.h"
#include "kernels/conv/conv.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

namespace option {
enum : int { kPadding, kStrideW, kStrideH, kActivation, kDilationW, kDilationH };
}

bool Measure(const PrepareContext& context, ConvGeometry* geometry) {
  const Shape input = context.input(conv_arg::kInput).shape;
  const Shape filter = context.input(conv_arg::kFilter).shape;
  const Shape output = context.output(0).shape;
  const Table& options = context.options();
  if (input.rank != 4 || filter.rank != 4 || output.rank != 4 || filter[3] < 1 || filter[0] < 1) {
    return false;
  }
  ConvGeometry& g = *geometry;
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
  g.filter_depth = filter[3];
  g.output_depth = filter[0];
  const int32_t groups = g.input_depth / g.filter_depth;
  if (groups < 1 || g.input_depth % g.filter_depth != 0 || g.output_depth % groups != 0) {
    return false;
  }
  g.group_outputs = g.output_depth / groups;
  return output[0] == g.batches && output[1] == g.y.output && output[2] == g.x.output &&
         output[3] == g.output_depth;
}

Activation FusedActivation(const PrepareContext& context) {
  return static_cast<Activation>(context.options().get<int8_t>(option::kActivation, 0));
}

Status PrepareFloat(PrepareContext& context, const ConvGeometry& geometry) {
  auto* params = context.Params<ConvFloatParams>();
  if (params == nullptr) return kNoMemory;
  params->geometry = geometry;
  context.SetEval(EvalConvFloat);
  return ActivationRange(FusedActivation(context), &params->range) ? Status::kOk
                                                                   : RefuseOptions(context);
}

Status PrepareQuantized(PrepareContext& context, const ConvGeometry& geometry) {
  const TensorView input = context.input(conv_arg::kInput);
  const TensorView output = context.output(0);
  const int32_t channels = geometry.output_depth;
  auto* params = context.Params<ConvParams>(PerChannelBytes(channels));
  if (params == nullptr) return kNoMemory;
  params->geometry = geometry;
  params->input_offset = -input.zero_point();
  params->output_offset = output.zero_point();
  if (!ActivationRange(FusedActivation(context), output, &params->range)) {
    return RefuseOptions(context);
  }
  return FillPerChannel(input, context.input(conv_arg::kFilter), output, channels, params + 1)
             ? Status::kOk
             : RefuseQuantization(context);
}

// The eval function for the types of the tensors, or null.
EvalFn ChooseEval(const PrepareContext& context) {
  const Type type = context.input(conv_arg::kInput).type;
  const Type filter = context.input(conv_arg::kFilter).type;
  const bool has_bias = context.has_input(conv_arg::kBias);
  if (context.output(0).type != type) return nullptr;
  if (type == Type::kFloat32 && filter == type) {
    const bool fits = !has_bias || context.input(conv_arg::kBias).type == type;
    return fits ? EvalConvFloat : nullptr;
  }
  const Type bias = has_bias ? context.input(conv_arg::kBias).type : Type::kInt32;
  if (filter == Type::kInt4) {
    return type == Type::kInt8 && bias == Type::kInt32 ? EvalConvInt4 : nullptr;
  }
  if (filter != Type::kInt8) return nullptr;
  if (type == Type::kInt8) return bias == Type::kInt32 ? EvalConvInt8 : nullptr;
  if (type != Type::kInt16) return nullptr;
  if (!has_bias || bias == Type::kInt64) return EvalConvInt16Bias64;
  return bias == Type::kInt32 ? EvalConvInt16Bias32 : nullptr;
}

}  // namespace

Status PrepareConv2D(PrepareContext& context) {
  const EvalFn eval = ChooseEval(context);
  if (eval == nullptr) return RefuseTypes(context);
  ConvGeometry geometry;
  if (!Measure(context, &geometry)) return RefuseShapes(context);
  if (context.has_input(conv_arg::kBias) &&
      context.input(conv_arg::kBias).shape.elements() != geometry.output_depth) {
    return RefuseShapes(context);
  }
  if (eval == EvalConvFloat) return PrepareFloat(context, geometry);
  context.SetEval(eval);
  TINYDEPLOY_TRY(PrepareQuantized(context, geometry));
  return ReserveUnpacked(context, conv_arg::kFilter);
}

}  // namespace tinydeploy
