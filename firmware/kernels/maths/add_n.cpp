// ADD_N: the sum of any number of tensors of the same shape and quantization.
#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

constexpr int kHeadroomBits = 20;

struct AddNParams {
  int32_t inputs;
  int32_t count;
  int32_t input_offset;  // -zero point
  int32_t output_offset;
  int32_t start;  // of a sum
  Multiplier input;
  Multiplier output;
};

template <class T, class Acc, class Add, class Finish>
void Sum(const AddNParams& p, void* const* args, Acc start, Add add, Finish finish) {
  auto* output = static_cast<T*>(args[p.inputs]);
  for (int32_t i = 0; i < p.count; ++i) {
    Acc sum = start;
    for (int32_t k = 0; k < p.inputs; ++k) sum = add(sum, static_cast<const T*>(args[k])[i]);
    output[i] = finish(sum);
  }
}

// A value on the scale of the sum.
int32_t Term(const AddNParams& p, int32_t value) {
  return Rescale(ShiftLeft(value + p.input_offset, kHeadroomBits), p.input);
}

Status EvalFloat(const void* params, void* const* args) {
  Sum<float>(
      *static_cast<const AddNParams*>(params), args, 0.0f,
      [](float sum, float value) { return sum + value; }, [](float sum) { return sum; });
  return Status::kOk;
}

Status EvalInt8(const void* params, void* const* args) {
  const auto& p = *static_cast<const AddNParams*>(params);
  Sum<int8_t>(
      p, args, p.start, [&](int32_t sum, int8_t value) { return AddWrapping(sum, Term(p, value)); },
      [&](int32_t sum) {
        const int32_t value = AddWrapping(Rescale(sum, p.output), p.output_offset);
        return static_cast<int8_t>(Clamp<int32_t>(value, INT8_MIN, INT8_MAX));
      });
  return Status::kOk;
}

}  // namespace

Status PrepareAddN(PrepareContext& context) {
  const TensorView first = context.input(0);
  const TensorView output = context.output(0);
  const bool is_int8 = first.type == Type::kInt8;
  if ((!is_int8 && first.type != Type::kFloat32) || output.type != first.type) {
    return RefuseTypes(context);
  }
  for (int i = 0; i < context.input_count(); ++i) {
    const TensorView input = context.input(i);
    if (input.type != first.type) return RefuseTypes(context);
    if (input.shape != output.shape) return RefuseShapes(context);
    if (is_int8 && !SameQuantization(input, first)) return RefuseQuantization(context);
  }
  auto* params = context.Params<AddNParams>();
  if (params == nullptr) return kNoMemory;
  params->inputs = context.input_count();
  params->count = output.shape.elements();
  context.SetEval(is_int8 ? EvalInt8 : EvalFloat);
  if (!is_int8) return Status::kOk;
  params->input_offset = -first.zero_point();
  params->output_offset = output.zero_point();
  const double twice = 2.0 * static_cast<double>(first.scale());
  const double result = twice / ((1 << kHeadroomBits) * static_cast<double>(output.scale()));
  const bool sound =
      QuantizeMultiplier(0.5, &params->input) && QuantizeMultiplier(result, &params->output);
  params->start = Term(*params, 0);  // TFLM starts from the quantized, not from the real zero
  return sound ? Status::kOk : RefuseQuantization(context);
}

}  // namespace tinydeploy
