// MIRROR_PAD: the border repeats the inside backwards, with (SYMMETRIC) or without the edge itself.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/common/strides.h"
#include "kernels/kernels.h"
#include "kernels/layout/axes.h"

namespace tinydeploy {
namespace {

struct MirrorPadParams {
  int32_t rank;
  int32_t element_bytes;
  int32_t skip;  // 1 if the edge is not repeated
  int32_t input[kMaxRank];
  int32_t output[kMaxRank];
  int32_t before[kMaxRank];
};

int32_t Mirrored(const MirrorPadParams& p, int axis, int32_t index) {
  const int32_t inside = index - p.before[axis];
  if (inside < 0) return -inside - 1 + p.skip;
  const int32_t size = p.input[axis];
  return inside < size ? inside : 2 * size - 1 - p.skip - inside;
}

Status EvalMirrorPad(const void* params, void* const* args) {
  const auto& p = *static_cast<const MirrorPadParams*>(params);
  const auto* input = static_cast<const uint8_t*>(args[0]);
  auto* output = static_cast<uint8_t*>(args[2]);
  int32_t index[kMaxRank] = {};
  for (;;) {
    int32_t from = 0;
    for (int i = 0; i < p.rank; ++i) from = from * p.input[i] + Mirrored(p, i, index[i]);
    memcpy(output, input + from * p.element_bytes, static_cast<size_t>(p.element_bytes));
    output += p.element_bytes;
    int axis = p.rank - 1;
    for (; axis >= 0 && ++index[axis] == p.output[axis]; --axis) index[axis] = 0;
    if (axis < 0) return Status::kOk;
  }
}

bool LayOut(const TensorView& paddings, const Shape& input, const Shape& output,
            MirrorPadParams* p) {
  p->rank = input.rank;
  for (int i = 0; i < input.rank; ++i) {
    const int64_t before = IndexAt(paddings, 2 * i);
    const int64_t after = IndexAt(paddings, 2 * i + 1);
    const int64_t most = static_cast<int64_t>(input.dims[i]) - p->skip;
    if (before < 0 || after < 0 || before > most || after > most || output.dims[i] < 1 ||
        before + input.dims[i] + after != output.dims[i]) {
      return false;
    }
    p->input[i] = input.dims[i];
    p->output[i] = output.dims[i];
    p->before[i] = static_cast<int32_t>(before);
  }
  return true;
}

}  // namespace

Status PrepareMirrorPad(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView paddings = context.input(1);
  const TensorView output = context.output(0);
  if (output.type != input.type || ElementBytes(input.type) == 0 || !IsIndexType(paddings.type)) {
    return RefuseTypes(context);
  }
  if (!paddings.is_constant()) return RefuseVariable(context, 1);
  if (paddings.shape.elements() != 2 * input.shape.rank || output.shape.rank != input.shape.rank) {
    return RefuseShapes(context);
  }
  const int mode = context.options().get<int8_t>(0, 0);
  if (mode != 0 && mode != 1) return RefuseOptions(context);
  auto* params = context.Params<MirrorPadParams>();
  if (params == nullptr) return kNoMemory;
  params->skip = mode == 0 ? 1 : 0;
  params->element_bytes = ElementBytes(input.type);
  if (!LayOut(paddings, input.shape, output.shape, params)) return RefuseShapes(context);
  context.SetEval(EvalMirrorPad);
  return Status::kOk;
}

}  // namespace tinydeploy
