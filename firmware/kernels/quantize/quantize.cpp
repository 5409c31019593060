#include "kernels/quantize/quantize.h"

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

template <class Out>
Status EvalFromFloat(const void* params, void* const* args) {
  const QuantizeParams p = *static_cast<const QuantizeParams*>(params);  // output may alias bytes
  const auto* input = static_cast<const float*>(args[0]);
  auto* output = static_cast<Out*>(args[1]);
  for (int32_t i = 0; i < p.count; ++i) {
    const int32_t steps = RoundToInt32(input[i] / p.scale);
    output[i] = static_cast<Out>(
        Clamp(AddWrapping(steps, p.output_offset), p.range.lowest, p.range.highest));
  }
  return Status::kOk;
}

template <class In, class Out>
Status EvalRequantize(const void* params, void* const* args) {
  const QuantizeParams p = *static_cast<const QuantizeParams*>(params);
  const auto* input = static_cast<const In*>(args[0]);
  auto* output = static_cast<Out*>(args[1]);
  for (int32_t i = 0; i < p.count; ++i) {
    const int32_t real = AddWrapping(static_cast<int32_t>(input[i]), p.input_offset);
    const int32_t value = AddWrapping(Rescale(real, p.factor), p.output_offset);
    output[i] = static_cast<Out>(Clamp(value, p.range.lowest, p.range.highest));
  }
  return Status::kOk;
}

// TFLM multiplies doubles and rounds the product to float. Both factors are floats here (17 bits of
// steps), so their product is exact in double: to round the float product once is the same.
template <class In>
Status EvalToFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const QuantizeParams*>(params);
  const auto* input = static_cast<const In*>(args[0]);
  auto* output = static_cast<float*>(args[1]);
  for (int32_t i = 0; i < p.count; ++i) {
    const int32_t steps = AddWrapping(static_cast<int32_t>(input[i]), p.input_offset);
    output[i] = p.scale * static_cast<float>(steps);
  }
  return Status::kOk;
}

struct Conversion {
  Type from;
  Type to;
  EvalFn eval;
};

constexpr Conversion kQuantizations[] = {
    {Type::kFloat32, Type::kInt8, EvalFromFloat<int8_t>},
    {Type::kFloat32, Type::kInt16, EvalFromFloat<int16_t>},
    {Type::kInt8, Type::kInt8, EvalRequantize<int8_t, int8_t>},
    {Type::kInt8, Type::kInt16, EvalRequantize<int8_t, int16_t>},
    {Type::kInt8, Type::kInt32, EvalRequantize<int8_t, int32_t>},
    {Type::kInt8, Type::kUInt8, EvalRequantize<int8_t, uint8_t>},
    {Type::kUInt8, Type::kInt8, EvalRequantize<uint8_t, int8_t>},
    {Type::kInt16, Type::kInt8, EvalRequantize<int16_t, int8_t>},
    {Type::kInt16, Type::kInt16, EvalRequantize<int16_t, int16_t>},
    {Type::kInt16, Type::kInt32, EvalRequantize<int16_t, int32_t>},
    {Type::kInt32, Type::kInt8, EvalRequantize<int32_t, int8_t>},
    {Type::kInt32, Type::kInt16, EvalRequantize<int32_t, int16_t>},
};

constexpr Conversion kDequantizations[] = {
    {Type::kInt8, Type::kFloat32, EvalToFloat<int8_t>},
    {Type::kInt16, Type::kFloat32, EvalToFloat<int16_t>},
    {Type::kUInt8, Type::kFloat32, EvalToFloat<uint8_t>},
};

template <int kCount>
EvalFn Choose(const Conversion (&table)[kCount], Type from, Type to) {
  for (const Conversion& row : table) {
    if (row.from == from && row.to == to) return row.eval;
  }
  return nullptr;
}

Status Prepare(PrepareContext& context, EvalFn eval) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  if (eval == nullptr) return RefuseTypes(context);
  if (input.shape.elements() != output.shape.elements()) return RefuseShapes(context);
  context.SetEval(eval);
  auto* params = context.Params<QuantizeParams>();
  if (params == nullptr) return kNoMemory;
  params->count = input.shape.elements();
  params->input_offset = -input.zero_point();
  params->output_offset = output.zero_point();
  params->range = TypeRange(output.type);
  params->scale = input.type == Type::kFloat32 ? output.scale() : input.scale();
  if (!(params->scale > 0.0f)) return RefuseQuantization(context);
  if (input.type == Type::kFloat32 || output.type == Type::kFloat32) return Status::kOk;
  const double ratio = static_cast<double>(input.scale()) / static_cast<double>(output.scale());
  return QuantizeMultiplier(ratio, &params->factor) ? Status::kOk : RefuseQuantization(context);
}

}  // namespace

Status PrepareQuantize(PrepareContext& context) {
  return Prepare(context, Choose(kQuantizations, context.input(0).type, context.output(0).type));
}

Status PrepareDequantize(PrepareContext& context) {
  return Prepare(context, Choose(kDequantizations, context.input(0).type, context.output(0).type));
}

}  // namespace tinydeploy
