// TRANSPOSE_CONV: NHWC input, OHWI filter. Each output pixel gathers what falls on it, in the order
// in which TFLM scatters, so that no accumulators are kept and float32 sums are the same.
#include "kernels/common/dot.h"
#include "kernels/common/per_channel.h"
#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/common/window.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

// Along one axis; `slide` is the convolution in the other direction: from the output to the input.
struct Spread {
  SlidingWindow slide;

  struct Range {
    int32_t begin;  // input positions that reach the output position
    int32_t end;
  };
  Range at(int32_t output) const {
    const int32_t reach = output + slide.padding;
    const int32_t first = reach - slide.filter + 1;
    const int32_t begin = first <= 0 ? 0 : (first + slide.stride - 1) / slide.stride;
    const int32_t end = reach / slide.stride + 1;
    return {begin, Min(end, slide.output)};
  }
  int32_t tap(int32_t output, int32_t input) const {
    return output + slide.padding - input * slide.stride;
  }
};

// Followed by int32_t multipliers[output_depth], int8_t shifts[output_depth] if quantized.
struct TransposeConvParams {
  Spread y;
  Spread x;
  int32_t batches;
  int32_t input_depth;
  int32_t output_depth;
  int32_t input_offset;  // -zero point
  int32_t output_offset;
  IntRange range;
  FloatRange float_range;
};

enum : int { kShape, kFilter, kInput, kBias, kOutput };

// finish(channel, sum) becomes the output value.
template <class Acc, class Input, class Weight, class Offset, class Finish>
void ForEachOutput(const TransposeConvParams& p, void* const* args, Offset offset, Finish finish) {
  const auto* image = static_cast<const Input*>(args[kInput]);
  const auto* filter = static_cast<const Weight*>(args[kFilter]);
  auto* output = static_cast<Input*>(args[kOutput]);
  const int32_t row = p.x.slide.output * p.input_depth;
  const int32_t filter_row = p.x.slide.filter * p.input_depth;
  for (int32_t b = 0; b < p.batches; ++b, image += p.y.slide.output * row) {
    for (int32_t y = 0; y < p.y.slide.input; ++y) {
      const Spread::Range ys = p.y.at(y);
      for (int32_t x = 0; x < p.x.slide.input; ++x) {
        const Spread::Range xs = p.x.at(x);
        for (int32_t c = 0; c < p.output_depth; ++c) {
          const Weight* taps = filter + c * p.y.slide.filter * filter_row;
          Acc acc = 0;
          for (int32_t i = ys.begin; i < ys.end; ++i) {
            const Weight* tap_row = taps + p.y.tap(y, i) * filter_row;
            for (int32_t j = xs.begin; j < xs.end; ++j) {
              acc = Dot(acc, image + i * row + j * p.input_depth,
                        tap_row + p.x.tap(x, j) * p.input_depth, p.input_depth, offset);
            }
          }
          *output++ = finish(c, acc);
        }
      }
    }
  }
}

template <class T, class Acc, class Bias>
Status EvalQuantized(const void* params, void* const* args) {
  const auto& p = *static_cast<const TransposeConvParams*>(params);
  const auto* bias = static_cast<const Bias*>(args[kBias]);
  const int32_t* multipliers = Multipliers(p);
  const int8_t* shifts = Shifts(p, p.output_depth);
  ForEachOutput<Acc, T, int8_t>(p, args, p.input_offset, [&](int32_t c, Acc acc) {
    if (bias != nullptr) acc = Accumulated(acc, static_cast<Acc>(bias[c]));
    const int32_t scaled = RescaleSum(acc, multipliers[c], shifts[c]);
    return static_cast<T>(
        Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest));
  });
  return Status::kOk;
}

Status EvalFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const TransposeConvParams*>(params);
  const auto* bias = static_cast<const float*>(args[kBias]);
  ForEachOutput<float, float, float>(p, args, 0.0f, [&](int32_t c, float acc) {
    const float value = bias == nullptr ? acc : acc + bias[c];
    return Clamp(value, p.float_range.lowest, p.float_range.highest);
  });
  return Status::kOk;
}

EvalFn ChooseEval(const PrepareContext& context) {
  const Type type = context.input(kInput).type;
  const Type filter = context.input(kFilter).type;
  const bool has_bias = context.has_input(kBias);
  const Type bias = has_bias ? context.input(kBias).type : type;
  if (context.output(0).type != type || context.input(kShape).type != Type::kInt32) return nullptr;
  if (type == Type::kFloat32) return filter == type && bias == type ? EvalFloat : nullptr;
  if (filter != Type::kInt8) return nullptr;
  if (type == Type::kInt8) {
    return !has_bias || bias == Type::kInt32 ? EvalQuantized<int8_t, int32_t, int32_t> : nullptr;
  }
  if (type != Type::kInt16) return nullptr;
  if (!has_bias || bias == Type::kInt64) return EvalQuantized<int16_t, int64_t, Int64>;
  return bias == Type::kInt16 ? EvalQuantized<int16_t, int64_t, int16_t> : nullptr;
}

bool Measure(const PrepareContext& context, TransposeConvParams* params) {
  enum : int { kPadding, kStrideW, kStrideH };
  const Shape input = context.input(kInput).shape;
  const Shape filter = context.input(kFilter).shape;
  const Shape output = context.output(0).shape;
  const Table& options = context.options();
  if (input.rank != 4 || filter.rank != 4 || output.rank != 4) return false;
  TransposeConvParams& p = *params;
  p.y.slide = {output[1], 0, filter[1], options.get<int32_t>(kStrideH, 0), 1, 0};
  p.x.slide = {output[2], 0, filter[2], options.get<int32_t>(kStrideW, 0), 1, 0};
  const auto padding = static_cast<Padding>(options.get<int8_t>(kPadding, 0));
  if (!PlaceWindow(padding, &p.y.slide) || !PlaceWindow(padding, &p.x.slide)) return false;
  p.batches = input[0];
  p.input_depth = input[3];
  p.output_depth = filter[0];
  const bool bias_fits =
      !context.has_input(kBias) || context.input(kBias).shape.elements() == p.output_depth;
  return bias_fits && p.y.slide.output == input[1] && p.x.slide.output == input[2] &&
         filter[3] == p.input_depth && output[0] == p.batches && output[3] == p.output_depth;
}

}  // namespace

Status PrepareTransposeConv(PrepareContext& context) {
  constexpr int kActivation = 3;
  const EvalFn eval = ChooseEval(context);
  if (eval == nullptr) return RefuseTypes(context);
  context.SetEval(eval);
  const TensorView input = context.input(kInput);
  const TensorView filter = context.input(kFilter);
  const TensorView output = context.output(0);
  const bool is_float = input.type == Type::kFloat32;
  const uint32_t extra = is_float || filter.shape.rank != 4 ? 0 : PerChannelBytes(filter.shape[0]);
  auto* params = context.Params<TransposeConvParams>(extra);
  if (params == nullptr) return kNoMemory;
  if (!Measure(context, params)) return RefuseShapes(context);
  const auto activation = static_cast<Activation>(context.options().get<int8_t>(kActivation, 0));
  const bool known = is_float ? ActivationRange(activation, &params->float_range)
                              : ActivationRange(activation, output, &params->range);
  if (!known) return RefuseOptions(context);
  if (is_float) return Status::kOk;
  params->input_offset = -input.zero_point();
  params->output_offset = output.zero_point();
  return FillPerChannel(input, filter, output, params->output_depth, params + 1)
             ? Status::kOk
             : RefuseQuantization(context);
}

}  // namespace tinydeploy
