// FILL, ZEROS_LIKE, SHAPE, BROADCAST_ARGS, DYNAMIC_UPDATE_SLICE.
#include <string.h>

#include "kernels/common/fixed_point.h"
#include "kernels/common/refuse.h"
#include "kernels/common/strides.h"
#include "kernels/kernels.h"
#include "kernels/layout/axes.h"

namespace tinydeploy {
namespace {

struct FillParams {
  int32_t count;
  int32_t element_bytes;
};

Status EvalFill(const void* params, void* const* args) {
  const auto& p = *static_cast<const FillParams*>(params);
  auto* output = static_cast<uint8_t*>(args[2]);
  for (int32_t i = 0; i < p.count; ++i, output += p.element_bytes) {
    memcpy(output, args[1], static_cast<size_t>(p.element_bytes));
  }
  return Status::kOk;
}

Status EvalZeros(const void* params, void* const* args) {
  const auto& p = *static_cast<const FillParams*>(params);
  if (p.count > 0) memset(args[1], 0, static_cast<size_t>(p.count * p.element_bytes));
  return Status::kOk;
}

struct ShapeParams {
  int32_t rank;
  int32_t dims[kMaxRank];
};

Status EvalShape(const void* params, void* const* args) {
  const auto& p = *static_cast<const ShapeParams*>(params);
  if (p.rank > 0) memcpy(args[1], p.dims, static_cast<size_t>(p.rank) * sizeof(int32_t));
  return Status::kOk;
}

struct BroadcastArgsParams {
  int32_t ranks[2];
  int32_t is_int64;
};

Int64 ToInt64(int64_t value) {
  return {static_cast<uint32_t>(value), static_cast<int32_t>(value >> 32)};
}

Status EvalBroadcastArgs(const void* params, void* const* args) {
  const auto& p = *static_cast<const BroadcastArgsParams*>(params);
  const bool wide = p.is_int64 != 0;
  const int32_t rank = Max(p.ranks[0], p.ranks[1]);
  for (int32_t i = 0; i < rank; ++i) {
    int64_t size[2];
    for (int k = 0; k < 2; ++k) {
      const int32_t own = i - (rank - p.ranks[k]);
      size[k] = own < 0 ? 1 : IndexAt(args[k], wide, own);
    }
    if (size[0] != size[1] && size[0] != 1 && size[1] != 1) return Status::kError;
    const int64_t joined = size[0] == 1 ? size[1] : size[0];
    if (wide) {
      static_cast<Int64*>(args[2])[i] = ToInt64(joined);
    } else {
      static_cast<int32_t*>(args[2])[i] = static_cast<int32_t>(joined);
    }
  }
  return Status::kOk;
}

struct UpdateSliceParams {
  Walk walk;  // through the operand from its first element, in the order of the update
  int32_t limit[kMaxRank];  // largest start
  int32_t bytes;            // of the operand
  int32_t element_bytes;
  int32_t is_int64;
};

Status EvalDynamicUpdateSlice(const void* params, void* const* args) {
  const auto& p = *static_cast<const UpdateSliceParams*>(params);
  auto* output = static_cast<uint8_t*>(args[3]);
  if (p.bytes > 0) memcpy(output, args[0], static_cast<size_t>(p.bytes));
  int32_t start = 0;
  for (int32_t i = 0; i < p.walk.rank; ++i) {
    const int64_t given = IndexAt(args[2], p.is_int64 != 0, i);
    start += static_cast<int32_t>(Clamp<int64_t>(given, 0, p.limit[i])) * p.walk.stride[i];
  }
  const auto* update = static_cast<const uint8_t*>(args[1]);
  ForEachPosition(p.walk, [&](int32_t position) {
    memcpy(output + (start + position) * p.element_bytes, update,
           static_cast<size_t>(p.element_bytes));
    update += p.element_bytes;
  });
  return Status::kOk;
}

Status FillCount(PrepareContext& context, EvalFn eval) {
  const TensorView output = context.output(0);
  auto* params = context.Params<FillParams>();
  if (params == nullptr) return kNoMemory;
  params->count = output.shape.elements();
  params->element_bytes = ElementBytes(output.type);
  context.SetEval(eval);
  return Status::kOk;
}

}  // namespace

Status PrepareFill(PrepareContext& context) {
  const TensorView dims = context.input(0);
  const TensorView value = context.input(1);
  const TensorView output = context.output(0);
  if (!IsIndexType(dims.type) || value.type != output.type || ElementBytes(output.type) == 0) {
    return RefuseTypes(context);
  }
  if (value.shape.elements() != 1 || dims.shape.elements() != output.shape.rank) {
    return RefuseShapes(context);
  }
  for (int i = 0; i < output.shape.rank && dims.is_constant(); ++i) {
    if (IndexAt(dims, i) != output.shape.dims[i]) return RefuseShapes(context);
  }
  return FillCount(context, EvalFill);
}

Status PrepareZerosLike(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  if (output.type != input.type || ElementBytes(output.type) == 0) return RefuseTypes(context);
  if (input.shape.elements() != output.shape.elements()) return RefuseShapes(context);
  return FillCount(context, EvalZeros);
}

Status PrepareShape(PrepareContext& context) {
  const Shape input = context.input(0).shape;
  const TensorView output = context.output(0);
  if (output.type != Type::kInt32) return RefuseTypes(context);
  if (output.shape.elements() != input.rank) return RefuseShapes(context);
  auto* params = context.Params<ShapeParams>();
  if (params == nullptr) return kNoMemory;
  params->rank = input.rank;
  for (int i = 0; i < input.rank; ++i) params->dims[i] = input.dims[i];
  context.SetEval(EvalShape);
  return Status::kOk;
}

Status PrepareBroadcastArgs(PrepareContext& context) {
  const TensorView output = context.output(0);
  if (!IsIndexType(output.type) || context.input(0).type != output.type ||
      context.input(1).type != output.type) {
    return RefuseTypes(context);
  }
  auto* params = context.Params<BroadcastArgsParams>();
  if (params == nullptr) return kNoMemory;
  for (int i = 0; i < 2; ++i) params->ranks[i] = context.input(i).shape.elements();
  if (Max(params->ranks[0], params->ranks[1]) != output.shape.elements()) {
    return RefuseShapes(context);
  }
  params->is_int64 = output.type == Type::kInt64;
  context.SetEval(EvalBroadcastArgs);
  return Status::kOk;
}

Status PrepareDynamicUpdateSlice(PrepareContext& context) {
  const TensorView operand = context.input(0);
  const TensorView update = context.input(1);
  const TensorView starts = context.input(2);
  const TensorView output = context.output(0);
  if (update.type != operand.type || output.type != operand.type ||
      ElementBytes(operand.type) == 0 || !IsIndexType(starts.type)) {
    return RefuseTypes(context);
  }
  const int rank = operand.shape.rank;
  if (output.shape != operand.shape || update.shape.rank != rank ||
      starts.shape.elements() != rank) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<UpdateSliceParams>();
  if (params == nullptr) return kNoMemory;
  params->walk.rank = rank;
  RowMajor(operand.shape, params->walk.stride);
  for (int i = 0; i < rank; ++i) {
    params->walk.size[i] = update.shape.dims[i];
    params->limit[i] = operand.shape.dims[i] - update.shape.dims[i];
    if (params->limit[i] < 0) return RefuseShapes(context);
  }
  params->bytes = static_cast<int32_t>(operand.bytes);
  params->element_bytes = ElementBytes(operand.type);
  params->is_int64 = starts.type == Type::kInt64;
  context.SetEval(EvalDynamicUpdateSlice);
  return Status::kOk;
}

}  // namespace tinydeploy
