// CONCATENATION: rows of each input in turn.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

// Followed by int32_t row_bytes[inputs].
struct ConcatenationParams {
  int32_t inputs;
  int32_t rows;
};

Status EvalConcatenation(const void* params, void* const* args) {
  const auto& p = *static_cast<const ConcatenationParams*>(params);
  const auto* row_bytes = reinterpret_cast<const int32_t*>(&p + 1);
  auto* output = static_cast<uint8_t*>(args[p.inputs]);
  for (int32_t row = 0; row < p.rows; ++row) {
    for (int32_t i = 0; i < p.inputs; ++i) {
      const auto bytes = static_cast<size_t>(row_bytes[i]);
      if (bytes == 0) continue;
      memcpy(output, static_cast<const uint8_t*>(args[i]) + static_cast<size_t>(row) * bytes,
             bytes);
      output += bytes;
    }
  }
  return Status::kOk;
}

// Inputs agree with the output in type and in all dimensions but `axis`, where they add up.
bool Fits(const PrepareContext& context, int axis) {
  const TensorView output = context.output(0);
  int64_t sum = 0;
  for (int i = 0; i < context.input_count(); ++i) {
    const TensorView input = context.input(i);
    if (input.type != output.type || input.shape.rank != output.shape.rank) return false;
    for (int d = 0; d < output.shape.rank; ++d) {
      if (d != axis && input.shape.dims[d] != output.shape.dims[d]) return false;
    }
    sum += input.shape.dims[axis];
  }
  return sum == output.shape.dims[axis];
}

}  // namespace

Status PrepareConcatenation(PrepareContext& context) {
  enum : int { kAxis, kActivation };
  const TensorView output = context.output(0);
  const int inputs = context.input_count();
  if (TypeBits(output.type) < 8) return RefuseTypes(context);
  if (context.options().get<int8_t>(kActivation, 0) != 0) return RefuseOptions(context);
  int axis = context.options().get<int32_t>(kAxis, 0);
  if (axis < 0) axis += output.shape.rank;
  if (axis < 0 || axis >= output.shape.rank || !Fits(context, axis)) return RefuseShapes(context);
  auto* params =
      context.Params<ConcatenationParams>(static_cast<uint32_t>(inputs) * sizeof(int32_t));
  if (params == nullptr) return kNoMemory;
  params->inputs = inputs;
  params->rows = output.shape.product(0, axis);
  auto* row_bytes = reinterpret_cast<int32_t*>(params + 1);
  for (int i = 0; i < inputs; ++i) {
    const Shape shape = context.input(i).shape;
    row_bytes[i] = shape.product(axis, shape.rank) * (TypeBits(output.type) / 8);
  }
  context.SetEval(EvalConcatenation);
  return Status::kOk;
}

}  // namespace tinydeploy
