// ARG_MAX, ARG_MIN, CUMSUM: what runs along one axis of a tensor.
#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/layout/axes.h"

namespace tinydeploy {
namespace {

struct AlongAxisParams {
  int32_t outer;
  int32_t size;  // of the axis
  int32_t inner;
  int32_t exclusive;
  int32_t reverse;
  int32_t input_offset;  // -zero point
  int32_t output_offset;
  int32_t start;  // of a sum
  Multiplier input;
  Multiplier output;
};

// Calls visit(offset of the first element) for each line along the axis.
template <class Visit>
void ForEachLine(const AlongAxisParams& p, Visit visit) {
  for (int32_t o = 0; o < p.outer; ++o) {
    for (int32_t i = 0; i < p.inner; ++i) visit(o * p.size * p.inner + i);
  }
}

// ---- ARG_MAX, ARG_MIN: the first of equals. ----

template <class T, bool kLargest>
Status EvalArg(const void* params, void* const* args) {
  const auto& p = *static_cast<const AlongAxisParams*>(params);
  const auto* input = static_cast<const T*>(args[0]);
  auto* output = static_cast<int32_t*>(args[2]);
  ForEachLine(p, [&](int32_t line) {
    T best = input[line];
    int32_t index = 0;
    for (int32_t k = 1; k < p.size; ++k) {
      const T value = input[line + k * p.inner];
      if (kLargest ? best < value : value < best) {
        best = value;
        index = k;
      }
    }
    *output++ = index;
  });
  return Status::kOk;
}

// ---- CUMSUM ----

template <class T, class Acc, class Add, class Finish>
void CumulativeSums(const AlongAxisParams& p, void* const* args, Acc start, Add add,
                    Finish finish) {
  const auto* input = static_cast<const T*>(args[0]);
  auto* output = static_cast<T*>(args[2]);
  ForEachLine(p, [&](int32_t line) {
    auto sum = start;
    for (int32_t k = 0; k < p.size; ++k) {
      const int32_t at = line + (p.reverse ? p.size - 1 - k : k) * p.inner;
      const T value = input[at];
      if (p.exclusive) output[at] = finish(sum);
      sum = add(sum, value);
      if (!p.exclusive) output[at] = finish(sum);
    }
  });
}

Status EvalCumSumFloat(const void* params, void* const* args) {
  CumulativeSums<float>(
      *static_cast<const AlongAxisParams*>(params), args, 0.0f,
      [](float sum, float value) { return sum + value; }, [](float sum) { return sum; });
  return Status::kOk;
}

constexpr int kHeadroomBits = 20;

// A value on the scale of the sum.
int32_t Term(const AlongAxisParams& p, int32_t value) {
  return Rescale(ShiftLeft(value + p.input_offset, kHeadroomBits), p.input);
}

Status EvalCumSumInt8(const void* params, void* const* args) {
  const auto& p = *static_cast<const AlongAxisParams*>(params);
  CumulativeSums<int8_t>(
      p, args, p.start, [&](int32_t sum, int8_t value) { return AddWrapping(sum, Term(p, value)); },
      [&](int32_t sum) {
        const int32_t value = AddWrapping(Rescale(sum, p.output), p.output_offset);
        return static_cast<int8_t>(Clamp<int32_t>(value, INT8_MIN, INT8_MAX));
      });
  return Status::kOk;
}

// The axis is a constant of one element.
Status PrepareAxis(PrepareContext& context, int* axis, AlongAxisParams** params) {
  const Shape shape = context.input(0).shape;
  const TensorView tensor = context.input(1);
  if (!IsIndexType(tensor.type)) return RefuseTypes(context);
  if (!tensor.is_constant()) return RefuseVariable(context, 1);
  if (tensor.shape.elements() != 1) return RefuseShapes(context);
  *axis = NormalAxis(IndexAt(tensor, 0), shape.rank);
  if (*axis < 0) return RefuseShapes(context);
  *params = context.Params<AlongAxisParams>();
  if (*params == nullptr) return kNoMemory;
  (*params)->outer = shape.product(0, *axis);
  (*params)->size = shape.dims[*axis];
  (*params)->inner = shape.product(*axis + 1, shape.rank);
  return Status::kOk;
}

template <bool kLargest>
Status PrepareArg(PrepareContext& context) {
  const Type type = context.input(0).type;
  const bool known = type == Type::kFloat32 || type == Type::kInt8;
  if (!known || context.output(0).type != Type::kInt32) return RefuseTypes(context);
  AlongAxisParams* params;
  int axis;
  TINYDEPLOY_TRY(PrepareAxis(context, &axis, &params));
  if (params->size < 1 || params->outer * params->inner != context.output(0).shape.elements()) {
    return RefuseShapes(context);
  }
  context.SetEval(type == Type::kInt8 ? EvalArg<int8_t, kLargest> : EvalArg<float, kLargest>);
  return Status::kOk;
}

}  // namespace

Status PrepareArgMax(PrepareContext& context) { return PrepareArg<true>(context); }
Status PrepareArgMin(PrepareContext& context) { return PrepareArg<false>(context); }

Status PrepareCumSum(PrepareContext& context) {
  enum : int { kExclusive, kReverse };
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  const bool is_int8 = input.type == Type::kInt8;
  if ((!is_int8 && input.type != Type::kFloat32) || output.type != input.type) {
    return RefuseTypes(context);
  }
  if (input.shape != output.shape) return RefuseShapes(context);
  AlongAxisParams* params;
  int axis;
  TINYDEPLOY_TRY(PrepareAxis(context, &axis, &params));
  params->exclusive = context.options().get<uint8_t>(kExclusive, 0) != 0;
  params->reverse = context.options().get<uint8_t>(kReverse, 0) != 0;
  context.SetEval(is_int8 ? EvalCumSumInt8 : EvalCumSumFloat);
  if (!is_int8) return Status::kOk;
  params->input_offset = -input.zero_point();
  params->output_offset = output.zero_point();
  const double twice = 2.0 * static_cast<double>(input.scale());
  const double result = twice / ((1 << kHeadroomBits) * static_cast<double>(output.scale()));
  const bool sound =
      QuantizeMultiplier(0.5, &params->input) && QuantizeMultiplier(result, &params->output);
  params->start = Term(*params, 0);  // TFLM starts from the quantized, not from the real zero
  return sound ? Status::kOk : RefuseQuantization(context);
}

}  // namespace tinydeploy
