#include "kernels/common/dot.h"
#include "kernels/common/int4.h"
#include "kernels/common/per_channel.h"
#include "kernels/conv/conv.h"
#include "runtime/tensor.h"

namespace tinydeploy {
namespace {

// What one output pixel sees.
template <class Input>
struct Patch {
  const Input* origin;  // pixel under tap (0, 0), possibly outside of the image
  Slide::Taps y;
  Slide::Taps x;
};

template <class Acc, class Input, class Weight, class Offset>
Acc Accumulate(const ConvGeometry& g, const Patch<Input>& patch, const Weight* filter, Acc acc,
               Offset offset) {
  const int32_t row_stride = g.y.dilation * g.x.input * g.input_depth;
  const int32_t pixel_stride = g.x.dilation * g.input_depth;
  // Without gaps between them the taps of a row are one run.
  const bool joined = g.x.dilation == 1 && g.filter_depth == g.input_depth;
  const int32_t taps = patch.x.end - patch.x.begin;
  const int32_t runs = joined ? 1 : taps;
  const int32_t length = joined ? taps * g.filter_depth : g.filter_depth;
  for (int32_t y = patch.y.begin; y < patch.y.end; ++y) {
    const Input* input = patch.origin + y * row_stride + patch.x.begin * pixel_stride;
    const Weight* weights = filter + (y * g.x.filter + patch.x.begin) * g.filter_depth;
    for (int32_t run = 0; run < runs; ++run) {
      acc = Dot(acc, input, weights, length, offset);
      input += pixel_stride;
      weights += g.filter_depth;
    }
  }
  return acc;
}

// Calls finish(channel, patch, filter) for each output value in order and stores what it returns.
template <class Input, class Weight, class Output, class Finish>
void ForEachOutput(const ConvGeometry& g, const Input* input, const Weight* filter, Output* output,
                   Finish finish) {
  const int32_t taps = g.y.filter * g.x.filter * g.filter_depth;
  for (int32_t b = 0; b < g.batches; ++b) {
    const Input* image = input + b * g.y.input * g.x.input * g.input_depth;
    for (int32_t y = 0; y < g.y.output; ++y) {
      for (int32_t x = 0; x < g.x.output; ++x) {
        Patch<Input> patch = {nullptr, g.y.at(y), g.x.at(x)};
        const int32_t origin = (patch.y.origin * g.x.input + patch.x.origin) * g.input_depth;
        for (int32_t c = 0; c < g.output_depth; ++c) {
          patch.origin = image + origin + c / g.group_outputs * g.filter_depth;
          *output++ = finish(c, patch, filter + c * taps);
        }
      }
    }
  }
}

template <class T>
T Requantize(const ConvParams& p, int32_t scaled) {
  return static_cast<T>(
      Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest));
}

}  // namespace

Status EvalConvInt8(const void* params, void* const* args) {
  const auto& p = *static_cast<const ConvParams*>(params);
  const auto* bias = static_cast<const int32_t*>(args[conv_arg::kBias]);
  const int32_t* multipliers = Multipliers(p);
  const int8_t* shifts = Shifts(p, p.geometry.output_depth);
  ForEachOutput(p.geometry, static_cast<const int8_t*>(args[conv_arg::kInput]),
                static_cast<const int8_t*>(args[conv_arg::kFilter]),
                static_cast<int8_t*>(args[conv_arg::kOutput]),
                [&](int32_t c, const Patch<int8_t>& patch, const int8_t* filter) {
                  int32_t acc = Accumulate<int32_t>(p.geometry, patch, filter, 0, p.input_offset);
                  if (bias != nullptr) acc = AddWrapping(acc, bias[c]);
                  return Requantize<int8_t>(p, Rescale(acc, multipliers[c], shifts[c]));
                });
  return Status::kOk;
}

Status EvalConvInt4(const void* params, void* const* args) {
  const ConvGeometry& g = static_cast<const ConvParams*>(params)->geometry;
  return EvalUnpacked(EvalConvInt8, params, args,
                      g.output_depth * g.y.filter * g.x.filter * g.filter_depth);
}

namespace {

// Int16 activations with int8 weights; zero points are 0. `Acc` is the type of the bias.
template <class Acc, class Bias>
Status EvalInt16(const void* params, void* const* args) {
  const auto& p = *static_cast<const ConvParams*>(params);
  const auto* bias = static_cast<const Bias*>(args[conv_arg::kBias]);
  const int32_t* multipliers = Multipliers(p);
  const int8_t* shifts = Shifts(p, p.geometry.output_depth);
  ForEachOutput(p.geometry, static_cast<const int16_t*>(args[conv_arg::kInput]),
                static_cast<const int8_t*>(args[conv_arg::kFilter]),
                static_cast<int16_t*>(args[conv_arg::kOutput]),
                [&](int32_t c, const Patch<int16_t>& patch, const int8_t* filter) {
                  Acc acc = Accumulate<Acc>(p.geometry, patch, filter, Acc(0), p.input_offset);
                  if (bias != nullptr) acc = Accumulated(acc, static_cast<Acc>(bias[c]));
                  return Requantize<int16_t>(p, RescaleSum(acc, multipliers[c], shifts[c]));
                });
  return Status::kOk;
}

}  // namespace

Status EvalConvInt16Bias32(const void* params, void* const* args) {
  return EvalInt16<int32_t, int32_t>(params, args);
}

Status EvalConvInt16Bias64(const void* params, void* const* args) {
  return EvalInt16<int64_t, Int64>(params, args);
}

Status EvalConvFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const ConvFloatParams*>(params);
  const auto* bias = static_cast<const float*>(args[conv_arg::kBias]);
  ForEachOutput(p.geometry, static_cast<const float*>(args[conv_arg::kInput]),
                static_cast<const float*>(args[conv_arg::kFilter]),
                static_cast<float*>(args[conv_arg::kOutput]),
                [&](int32_t c, const Patch<float>& patch, const float* filter) {
                  const float acc = Accumulate<float>(p.geometry, patch, filter, 0.0f, 0.0f);
                  const float value = bias == nullptr ? acc : acc + bias[c];
                  return Clamp(value, p.range.lowest, p.range.highest);
                });
  return Status::kOk;
}

}  // namespace tinydeploy
