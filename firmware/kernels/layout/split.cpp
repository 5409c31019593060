// SPLIT, SPLIT_V, UNPACK cut a tensor into rows for several outputs; PACK joins them.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/layout/axes.h"

namespace tinydeploy {
namespace {

// Followed by int32_t part_bytes[parts]: what each part has of a row.
struct RowsParams {
  int32_t whole_arg;  // argument of the tensor that is cut or joined
  int32_t first_part_arg;
  int32_t parts;
  int32_t rows;
};

// Calls copy(bytes in the whole tensor, bytes in the part, count) for each piece in order.
template <class Copy>
Status ForEachPiece(const void* params, void* const* args, Copy copy) {
  const auto& p = *static_cast<const RowsParams*>(params);
  const auto* part_bytes = reinterpret_cast<const int32_t*>(&p + 1);
  auto* whole = static_cast<uint8_t*>(args[p.whole_arg]);
  for (int32_t row = 0; row < p.rows; ++row) {
    for (int32_t part = 0; part < p.parts; ++part) {
      const int32_t bytes = part_bytes[part];
      if (bytes == 0) continue;
      copy(whole, static_cast<uint8_t*>(args[p.first_part_arg + part]) + row * bytes,
           static_cast<size_t>(bytes));
      whole += bytes;
    }
  }
  return Status::kOk;
}

Status EvalCut(const void* params, void* const* args) {
  return ForEachPiece(params, args, [](uint8_t* whole, uint8_t* part, size_t bytes) {
    memcpy(part, whole, bytes);
  });
}

Status EvalJoin(const void* params, void* const* args) {
  return ForEachPiece(params, args, [](uint8_t* whole, uint8_t* part, size_t bytes) {
    memcpy(whole, part, bytes);
  });
}

RowsParams* MakeRows(PrepareContext& context, int parts, int32_t** part_bytes) {
  auto* params = context.Params<RowsParams>(static_cast<uint32_t>(parts) * sizeof(int32_t));
  if (params == nullptr) return nullptr;
  params->parts = parts;
  *part_bytes = reinterpret_cast<int32_t*>(params + 1);
  return params;
}

// Outputs that follow one another along `axis` of the input.
bool PartsFit(const PrepareContext& context, const TensorView& input, int axis) {
  int64_t sum = 0;
  for (int i = 0; i < context.output_count(); ++i) {
    const TensorView part = context.output(i);
    if (part.shape.rank != input.shape.rank) return false;
    for (int d = 0; d < input.shape.rank; ++d) {
      if (d != axis && part.shape.dims[d] != input.shape.dims[d]) return false;
    }
    sum += part.shape.dims[axis];
  }
  return sum == input.shape.dims[axis];
}

bool OutputTypesAre(const PrepareContext& context, Type type) {
  for (int i = 0; i < context.output_count(); ++i) {
    if (context.output(i).type != type) return false;
  }
  return ElementBytes(type) != 0;
}

Status PrepareCut(PrepareContext& context, int input_arg, int axis_arg) {
  const TensorView input = context.input(input_arg);
  const TensorView axis_tensor = context.input(axis_arg);
  if (!OutputTypesAre(context, input.type) || axis_tensor.type != Type::kInt32) {
    return RefuseTypes(context);
  }
  if (!axis_tensor.is_constant()) return RefuseVariable(context, axis_arg);
  if (axis_tensor.shape.elements() != 1) return RefuseShapes(context);
  const int axis = NormalAxis(axis_tensor.values<int32_t>()[0], input.shape.rank);
  if (axis < 0 || !PartsFit(context, input, axis)) return RefuseShapes(context);
  int32_t* part_bytes;
  RowsParams* params = MakeRows(context, context.output_count(), &part_bytes);
  if (params == nullptr) return kNoMemory;
  params->whole_arg = input_arg;
  params->first_part_arg = context.input_count();
  params->rows = input.shape.product(0, axis);
  for (int i = 0; i < params->parts; ++i) {
    const Shape part = context.output(i).shape;
    part_bytes[i] = part.product(axis, part.rank) * ElementBytes(input.type);
  }
  context.SetEval(EvalCut);
  return Status::kOk;
}

// `whole` is `part` with one more axis of `count` elements at `axis`.
bool IsStack(const Shape& whole, const Shape& part, int axis, int count) {
  if (whole.rank != part.rank + 1 || whole.dims[axis] != count) return false;
  for (int d = 0; d < part.rank; ++d) {
    if (part.dims[d] != whole.dims[d < axis ? d : d + 1]) return false;
  }
  return true;
}

enum : int { kCount, kAxis };  // options of PACK and UNPACK

Status FillStack(PrepareContext& context, const TensorView& whole, int axis, int parts,
                 RowsParams** params) {
  int32_t* part_bytes;
  *params = MakeRows(context, parts, &part_bytes);
  if (*params == nullptr) return kNoMemory;
  (*params)->rows = whole.shape.product(0, axis);
  const int32_t bytes = whole.shape.product(axis + 1, whole.shape.rank) * ElementBytes(whole.type);
  for (int i = 0; i < parts; ++i) part_bytes[i] = bytes;
  return Status::kOk;
}

}  // namespace

Status PrepareSplit(PrepareContext& context) {
  if (context.options().get<int32_t>(0, 0) != context.output_count()) {
    return RefuseOptions(context);
  }
  return PrepareCut(context, 1, 0);
}

Status PrepareSplitV(PrepareContext& context) {
  const TensorView sizes = context.input(1);
  if (!sizes.is_constant()) return RefuseVariable(context, 1);
  if (!IsIndexType(sizes.type)) return RefuseTypes(context);
  if (sizes.shape.elements() != context.output_count()) return RefuseShapes(context);
  return PrepareCut(context, 0, 2);
}

Status PrepareUnpack(PrepareContext& context) {
  const TensorView input = context.input(0);
  const int parts = context.output_count();
  const int axis = NormalAxis(context.options().get<int32_t>(kAxis, 0), input.shape.rank);
  if (!OutputTypesAre(context, input.type)) return RefuseTypes(context);
  if (axis < 0) return RefuseShapes(context);
  for (int i = 0; i < parts; ++i) {
    if (!IsStack(input.shape, context.output(i).shape, axis, parts)) return RefuseShapes(context);
  }
  RowsParams* params;
  TINYDEPLOY_TRY(FillStack(context, input, axis, parts, &params));
  params->whole_arg = 0;
  params->first_part_arg = 1;
  context.SetEval(EvalCut);
  return Status::kOk;
}

Status PreparePack(PrepareContext& context) {
  const TensorView output = context.output(0);
  const int parts = context.input_count();
  const int axis = NormalAxis(context.options().get<int32_t>(kAxis, 0), output.shape.rank);
  if (context.options().get<int32_t>(kCount, 0) != parts) return RefuseOptions(context);
  if (axis < 0) return RefuseShapes(context);
  for (int i = 0; i < parts; ++i) {
    if (context.input(i).type != output.type || ElementBytes(output.type) == 0) {
      return RefuseTypes(context);
    }
    if (!IsStack(output.shape, context.input(i).shape, axis, parts)) return RefuseShapes(context);
  }
  RowsParams* params;
  TINYDEPLOY_TRY(FillStack(context, output, axis, parts, &params));
  params->whole_arg = parts;
  params->first_part_arg = 0;
  context.SetEval(EvalJoin);
  return Status::kOk;
}

}  // namespace tinydeploy
