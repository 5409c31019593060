// DEPTH_TO_SPACE, SPACE_TO_DEPTH, REVERSE_V2, BROADCAST_TO: walks through the input.
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/layout/axes.h"
#include "kernels/shape/gather_walk.h"

namespace tinydeploy {
namespace {

// Images of both sides and the block's edge; `fine` has the larger height and width.
Status CheckBlocks(PrepareContext& context, const Shape& fine, const Shape& coarse, int32_t* edge) {
  *edge = context.options().get<int32_t>(0, 0);
  constexpr int32_t kMost = limits::kBlockSide;
  if (*edge > kMost) return RefuseSize(context, *edge, kMost);
  if (*edge < 1) return RefuseOptions(context);
  const bool fits = fine.rank == 4 && coarse.rank == 4 && fine[0] == coarse[0] &&
                    static_cast<int64_t>(coarse[1]) * *edge == fine[1] &&
                    static_cast<int64_t>(coarse[2]) * *edge == fine[2] &&
                    static_cast<int64_t>(fine[3]) * *edge * *edge == coarse[3];
  return fits ? Status::kOk : RefuseShapes(context);
}

}  // namespace

Status PrepareDepthToSpace(PrepareContext& context) {
  const Shape input = context.input(0).shape;
  const Shape output = context.output(0).shape;
  int32_t edge;
  TINYDEPLOY_TRY(CheckBlocks(context, output, input, &edge));
  const int32_t row = input[2] * input[3];
  const int32_t depth = output[3];
  // Batch, block row, row within, block column, column within, channel.
  return PrepareWalk(context, {6,
                               0,
                               {input[0], input[1], edge, input[2], edge, depth},
                               {input[1] * row, row, edge * depth, input[3], depth, 1}});
}

Status PrepareSpaceToDepth(PrepareContext& context) {
  const Shape input = context.input(0).shape;
  const Shape output = context.output(0).shape;
  int32_t edge;
  TINYDEPLOY_TRY(CheckBlocks(context, input, output, &edge));
  const int32_t row = input[2] * input[3];
  const int32_t depth = input[3];
  // Batch, block row, block column, row within, column within, channel.
  return PrepareWalk(context, {6,
                               0,
                               {input[0], output[1], output[2], edge, edge, depth},
                               {input[1] * row, edge * row, edge * depth, row, depth, 1}});
}

Status PrepareReverseV2(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView axes = context.input(1);
  if (axes.type != Type::kInt32) return RefuseTypes(context);
  if (!axes.is_constant()) return RefuseVariable(context, 1);
  if (input.shape != context.output(0).shape) return RefuseShapes(context);
  Walk walk = {};
  walk.rank = input.shape.rank;
  RowMajor(input.shape, walk.stride);
  for (int i = 0; i < walk.rank; ++i) walk.size[i] = input.shape.dims[i];
  for (int i = 0; i < axes.shape.elements(); ++i) {
    const int axis = NormalAxis(axes.values<int32_t>()[i], walk.rank);
    if (axis < 0 || walk.stride[axis] < 0) return RefuseShapes(context);
    if (walk.size[axis] == 0) continue;
    walk.start += (walk.size[axis] - 1) * walk.stride[axis];
    walk.stride[axis] = -walk.stride[axis];
  }
  return PrepareWalk(context, walk);
}

Status PrepareBroadcastTo(PrepareContext& context) {
  const Shape input = context.input(0).shape;
  const Shape output = context.output(0).shape;
  if (!IsIndexType(context.input(1).type)) return RefuseTypes(context);
  if (context.input(1).shape.elements() != output.rank || input.rank > output.rank) {
    return RefuseShapes(context);
  }
  int32_t stride[kMaxRank];
  RowMajor(input, stride);
  Walk walk = {};
  walk.rank = output.rank;
  for (int i = 0; i < output.rank; ++i) {
    const int own = i - (output.rank - input.rank);
    walk.size[i] = output.dims[i];
    const bool repeats = own < 0 || input.dims[own] == 1;
    if (!repeats && input.dims[own] != output.dims[i]) return RefuseShapes(context);
    walk.stride[i] = repeats ? 0 : stride[own];
  }
  return PrepareWalk(context, walk);
}

}  // namespace tinydeploy
