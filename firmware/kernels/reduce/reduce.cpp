// MEAN, SUM, REDUCE_MAX, REDUCE_MIN, REDUCE_ALL over any axes.
#include <float.h>

#include "kernels/common/dot.h"
#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/common/strides.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

struct ReduceParams {
  Walk kept;      // through the input: a position for each output element
  Walk reduced;   // from there, the elements that become one
  int32_t count;  // of them
  int32_t input_zero_point;
  int32_t output_zero_point;
  Multiplier factor;  // of a sum
  IntRange range;
};

// Splits the input's axes into kept and reduced ones. The output may keep reduced axes as 1.
bool LayOut(const Shape& input, const TensorView& axes, const Shape& output, ReduceParams* params) {
  unsigned reduced = 0;
  for (int i = 0; i < axes.shape.elements(); ++i) {
    const int32_t axis = axes.values<int32_t>()[i];
    const int32_t own = axis < 0 ? axis + input.rank : axis;
    if (own < 0 || own >= input.rank) return false;
    reduced |= 1u << own;
  }
  int32_t stride[kMaxRank];
  RowMajor(input, stride);
  int64_t kept_elements = 1;
  params->count = 1;
  for (int i = 0; i < input.rank; ++i) {
    const bool is_reduced = ((reduced >> i) & 1) != 0;
    Walk& walk = is_reduced ? params->reduced : params->kept;
    walk.size[walk.rank] = input.dims[i];
    walk.stride[walk.rank++] = stride[i];
    if (is_reduced) params->count *= input.dims[i];
    if (!is_reduced) kept_elements *= input.dims[i];
  }
  return params->count > 0 && kept_elements == output.elements();
}

// output[i] = finish(fold of the elements that become it)
template <class T, class Acc, class Fold, class Finish>
Status Reduce(const void* params, void* const* args, Acc start, Fold fold, Finish finish) {
  const auto& p = *static_cast<const ReduceParams*>(params);
  const auto* input = static_cast<const T*>(args[0]);
  auto* output = static_cast<T*>(args[2]);
  ForEachPosition(p.kept, [&](int32_t kept) {
    Acc acc = start;
    ForEachPosition(p.reduced, [&](int32_t position) { acc = fold(acc, input[kept + position]); });
    *output++ = static_cast<T>(finish(p, acc));
  });
  return Status::kOk;
}

template <class T>
Status EvalSumQuantized(const void* params, void* const* args) {
  return Reduce<T>(
      params, args, int32_t{0}, [](int32_t sum, int32_t value) { return Accumulated(sum, value); },
      [](const ReduceParams& p, int32_t sum) {
        const int32_t real = SubWrapping(sum, MulWrapping(p.count, p.input_zero_point));
        const int32_t scaled = Rescale(real, p.factor);
        return Clamp(AddWrapping(scaled, p.output_zero_point), p.range.lowest, p.range.highest);
      });
}

Status EvalSumFloat(const void* params, void* const* args) {
  return Reduce<float>(
      params, args, 0.0f, [](float sum, float value) { return sum + value; },
      [](const ReduceParams&, float sum) { return sum; });
}

Status EvalMeanFloat(const void* params, void* const* args) {
  return Reduce<float>(
      params, args, 0.0f, [](float sum, float value) { return sum + value; },
      [](const ReduceParams& p, float sum) { return sum / static_cast<float>(p.count); });
}

template <class T>
Status EvalMax(const void* params, void* const* args) {
  return Reduce<T>(
      params, args, TypeLimit<T>::kLowest, [](T most, T value) { return Max(most, value); },
      [](const ReduceParams&, T most) { return most; });
}

template <class T>
Status EvalMin(const void* params, void* const* args) {
  return Reduce<T>(
      params, args, TypeLimit<T>::kHighest, [](T least, T value) { return Min(least, value); },
      [](const ReduceParams&, T least) { return least; });
}

Status EvalAll(const void* params, void* const* args) {
  return Reduce<Bool>(
      params, args, true, [](bool all, bool value) { return all && value; },
      [](const ReduceParams&, bool all) { return all; });
}

struct ReduceEvals {
  EvalFn int8;
  EvalFn int16;
  EvalFn float32;
  EvalFn boolean = nullptr;
};

Status PrepareReduce(PrepareContext& context, const ReduceEvals& evals, ReduceParams** params) {
  const TensorView input = context.input(0);
  const TensorView axes = context.input(1);
  const TensorView output = context.output(0);
  const EvalFn eval = input.type == Type::kInt8      ? evals.int8
                      : input.type == Type::kInt16   ? evals.int16
                      : input.type == Type::kFloat32 ? evals.float32
                      : input.type == Type::kBool    ? evals.boolean
                                                     : nullptr;
  if (eval == nullptr || output.type != input.type || axes.type != Type::kInt32) {
    return RefuseTypes(context);
  }
  if (!axes.is_constant()) return RefuseVariable(context, 1);
  context.SetEval(eval);
  auto* p = context.Params<ReduceParams>();
  if (p == nullptr) return kNoMemory;
  if (!LayOut(input.shape, axes, output.shape, p)) return RefuseShapes(context);
  p->input_zero_point = input.zero_point();
  p->output_zero_point = output.zero_point();
  p->range = TypeRange(output.type);
  *params = p;
  return Status::kOk;
}

// The factor from input to output scale; for a mean divided by the number of elements, with as many
// bits as fit, as TFLM does.
bool FillFactor(const PrepareContext& context, bool mean, ReduceParams* p) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  const double ratio = static_cast<double>(input.scale()) / static_cast<double>(output.scale());
  if (!QuantizeMultiplier(ratio, &p->factor)) return false;
  if (!mean) return true;
  const int magnitude = 31 - __builtin_clz(static_cast<uint32_t>(p->count));
  const int shift = Min<int>(magnitude, 31 + p->factor.shift);
  p->factor.multiplier =
      static_cast<int32_t>((static_cast<int64_t>(p->factor.multiplier) << shift) / p->count);
  p->factor.shift -= shift;
  return true;
}

Status PrepareSumOrMean(PrepareContext& context, bool mean) {
  ReduceParams* params;
  TINYDEPLOY_TRY(PrepareReduce(
      context,
      {EvalSumQuantized<int8_t>, EvalSumQuantized<int16_t>, mean ? EvalMeanFloat : EvalSumFloat},
      &params));
  if (context.input(0).type == Type::kFloat32) return Status::kOk;
  return FillFactor(context, mean, params) ? Status::kOk : RefuseQuantization(context);
}

}  // namespace

Status PrepareMean(PrepareContext& context) { return PrepareSumOrMean(context, true); }
Status PrepareSum(PrepareContext& context) { return PrepareSumOrMean(context, false); }

Status PrepareReduceMax(PrepareContext& context) {
  ReduceParams* params;
  return PrepareReduce(context, {EvalMax<int8_t>, EvalMax<int16_t>, EvalMax<float>}, &params);
}

Status PrepareReduceAll(PrepareContext& context) {
  ReduceParams* params;
  return PrepareReduce(context, {nullptr, nullptr, nullptr, EvalAll}, &params);
}

Status PrepareReduceMin(PrepareContext& context) {
  ReduceParams* params;
  return PrepareReduce(context, {EvalMin<int8_t>, EvalMin<int16_t>, EvalMin<float>}, &params);
}

}  // namespace tinydeploy
