// SELECT_V2: condition ? x : y, each broadcast to the output.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/common/strides.h"
#include "kernels/kernels.h"
#include "kernels/layout/axes.h"

namespace tinydeploy {
namespace {

constexpr int kInputs = 3;

struct SelectParams {
  int32_t rank;
  int32_t element_bytes;
  int32_t size[kMaxRank];
  int32_t stride[kInputs][kMaxRank];
};

Status EvalSelect(const void* params, void* const* args) {
  const auto& p = *static_cast<const SelectParams*>(params);
  const auto* condition = static_cast<const uint8_t*>(args[0]);
  auto* output = static_cast<uint8_t*>(args[kInputs]);
  for (int32_t i = 0; i < p.rank; ++i) {
    if (p.size[i] == 0) return Status::kOk;
  }
  int32_t index[kMaxRank] = {};
  int32_t at[kInputs] = {};
  for (;;) {
    const int chosen = condition[at[0]] != 0 ? 1 : 2;
    memcpy(output, static_cast<const uint8_t*>(args[chosen]) + at[chosen] * p.element_bytes,
           static_cast<size_t>(p.element_bytes));
    output += p.element_bytes;
    int axis = p.rank - 1;
    for (; axis >= 0; --axis) {
      const bool wraps = ++index[axis] == p.size[axis];
      const int32_t steps = wraps ? 1 - p.size[axis] : 1;
      for (int k = 0; k < kInputs; ++k) at[k] += steps * p.stride[k][axis];
      if (!wraps) break;
      index[axis] = 0;
    }
    if (axis < 0) return Status::kOk;
  }
}

bool LayOut(const Shape& input, const Shape& output, int32_t* stride) {
  if (input.rank > output.rank) return false;
  int32_t own[kMaxRank];
  RowMajor(input, own);
  for (int i = 0; i < output.rank; ++i) {
    const int k = i - (output.rank - input.rank);
    const bool repeats = k < 0 || input.dims[k] == 1;
    if (!repeats && input.dims[k] != output.dims[i]) return false;
    stride[i] = repeats ? 0 : own[k];
  }
  return true;
}

}  // namespace

Status PrepareSelectV2(PrepareContext& context) {
  const TensorView output = context.output(0);
  if (context.input(0).type != Type::kBool || context.input(1).type != output.type ||
      context.input(2).type != output.type || ElementBytes(output.type) == 0) {
    return RefuseTypes(context);
  }
  auto* params = context.Params<SelectParams>();
  if (params == nullptr) return kNoMemory;
  params->rank = output.shape.rank;
  params->element_bytes = ElementBytes(output.type);
  for (int i = 0; i < output.shape.rank; ++i) params->size[i] = output.shape.dims[i];
  for (int k = 0; k < kInputs; ++k) {
    if (!LayOut(context.input(k).shape, output.shape, params->stride[k])) {
      return RefuseShapes(context);
    }
  }
  context.SetEval(EvalSelect);
  return Status::kOk;
}

}  // namespace tinydeploy
