// PAD and PADV2.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/common/strides.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

struct PadParams {
  Walk walk;  // through the output, in the order of the input
  int32_t output_elements;
  int32_t output_arg;
  int32_t value_arg;  // of a PADV2, else -1
  uint32_t value;     // as stored; PAD only
};

template <class T>
Status EvalPad(const void* params, void* const* args) {
  const auto& p = *static_cast<const PadParams*>(params);
  const auto* input = static_cast<const T*>(args[0]);
  auto* output = static_cast<T*>(args[p.output_arg]);
  T value;
  const void* source = p.value_arg < 0 ? static_cast<const void*>(&p.value) : args[p.value_arg];
  memcpy(&value, source, sizeof(T));
  for (int32_t i = 0; i < p.output_elements; ++i) output[i] = value;
  ForEachPosition(p.walk, [&](int32_t position) { output[position] = *input++; });
  return Status::kOk;
}

EvalFn ChooseEval(Type type) {
  switch (type) {
    case Type::kInt8:
      return EvalPad<int8_t>;
    case Type::kInt16:
      return EvalPad<int16_t>;
    case Type::kInt32:
    case Type::kFloat32:
      return EvalPad<int32_t>;
    default:
      return nullptr;
  }
}

int64_t IndexAt(const TensorView& view, int i) {
  return view.type == Type::kInt64 ? static_cast<int64_t>(view.values<Int64>()[i])
                                   : view.values<int32_t>()[i];
}

bool LayOut(const TensorView& paddings, const Shape& input, const Shape& output, Walk* walk) {
  walk->rank = input.rank;
  RowMajor(output, walk->stride);
  for (int i = 0; i < input.rank; ++i) {
    const int64_t before = IndexAt(paddings, 2 * i);
    const int64_t after = IndexAt(paddings, 2 * i + 1);
    if (before < 0 || after < 0 || before > INT32_MAX || after > INT32_MAX ||
        before + input.dims[i] + after != output.dims[i]) {
      return false;
    }
    walk->size[i] = input.dims[i];
    walk->start += static_cast<int32_t>(before) * walk->stride[i];
  }
  return true;
}

Status Prepare(PrepareContext& context, int value_arg) {
  const TensorView input = context.input(0);
  const TensorView paddings = context.input(1);
  const TensorView output = context.output(0);
  const EvalFn eval = ChooseEval(input.type);
  const bool index = paddings.type == Type::kInt32 || paddings.type == Type::kInt64;
  if (eval == nullptr || output.type != input.type || !index) return RefuseTypes(context);
  if (!paddings.is_constant()) return RefuseVariable(context, 1);
  if (paddings.shape.elements() != 2 * input.shape.rank || output.shape.rank != input.shape.rank) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<PadParams>();
  if (params == nullptr) return kNoMemory;
  if (!LayOut(paddings, input.shape, output.shape, &params->walk)) return RefuseShapes(context);
  params->output_elements = output.shape.elements();
  params->output_arg = context.input_count();
  params->value_arg = value_arg;
  // The real value 0.
  const bool quantized = input.type == Type::kInt8 || input.type == Type::kInt16;
  params->value = quantized ? static_cast<uint32_t>(output.zero_point()) : 0;
  context.SetEval(eval);
  return Status::kOk;
}

}  // namespace

Status PreparePad(PrepareContext& context) { return Prepare(context, -1); }

Status PreparePadV2(PrepareContext& context) {
  const TensorView value = context.input(2);
  if (value.type != context.input(0).type) return RefuseTypes(context);
  if (value.shape.elements() != 1) return RefuseShapes(context);
  return Prepare(context, 2);
}

}  // namespace tinydeploy
