#include "kernels/common/dot.h"
#include "kernels/common/int4.h"
#include "kernels/common/per_channel.h"
#include "kernels/depthwise_conv/depthwise_conv.h"
#include "runtime/tensor.h"

namespace tinydeploy {
namespace {

// Sum over the window for one output channel.
template <class Acc, class Input, class Weight, class Offset>
Acc Accumulate(const DepthwiseGeometry& g, const Slide::Taps& ys, const Slide::Taps& xs,
               const Input* origin, const Weight* filter, Offset offset) {
  const int32_t filter_depth = g.input_depth * g.multiplier;
  const int32_t row_stride = g.y.dilation * g.x.input * g.input_depth;
  const int32_t pixel_stride = g.x.dilation * g.input_depth;
  Acc acc = 0;
  for (int32_t y = ys.begin; y < ys.end; ++y) {
    const Input* input = origin + y * row_stride + xs.begin * pixel_stride;
    const Weight* weight = filter + (y * g.x.filter + xs.begin) * filter_depth;
    for (int32_t x = xs.begin; x < xs.end; ++x) {
      acc = Accumulated(acc, static_cast<Acc>(*input + offset) * static_cast<Acc>(*weight));
      input += pixel_stride;
      weight += filter_depth;
    }
  }
  return acc;
}

// Calls finish(channel, sum) for each output value in order and stores what it returns.
template <class Acc, class Input, class Weight, class Offset, class Finish>
void ForEachOutput(const DepthwiseGeometry& g, void* const* args, Offset offset, Finish finish) {
  const auto* image = static_cast<const Input*>(args[depthwise_arg::kInput]);
  const auto* filter = static_cast<const Weight*>(args[depthwise_arg::kFilter]);
  auto* output = static_cast<Input*>(args[depthwise_arg::kOutput]);
  for (int32_t b = 0; b < g.batches; ++b, image += g.y.input * g.x.input * g.input_depth) {
    for (int32_t y = 0; y < g.y.output; ++y) {
      const Slide::Taps ys = g.y.at(y);
      for (int32_t x = 0; x < g.x.output; ++x) {
        const Slide::Taps xs = g.x.at(x);
        const Input* pixel = image + (ys.origin * g.x.input + xs.origin) * g.input_depth;
        int32_t channel = 0;
        for (int32_t i = 0; i < g.input_depth; ++i) {
          for (int32_t m = 0; m < g.multiplier; ++m, ++channel) {
            *output++ =
                finish(channel, Accumulate<Acc>(g, ys, xs, pixel + i, filter + channel, offset));
          }
        }
      }
    }
  }
}

template <class T, class Acc, class Bias>
void EvalQuantized(const DepthwiseParams& p, void* const* args) {
  const auto* bias = static_cast<const Bias*>(args[depthwise_arg::kBias]);
  const int32_t* multipliers = Multipliers(p);
  const int8_t* shifts = Shifts(p, p.geometry.input_depth * p.geometry.multiplier);
  ForEachOutput<Acc, T, int8_t>(p.geometry, args, p.input_offset, [&](int32_t c, Acc acc) {
    if (bias != nullptr) acc = Accumulated(acc, static_cast<Acc>(bias[c]));
    const int32_t scaled = RescaleSum(acc, multipliers[c], shifts[c]);
    return static_cast<T>(
        Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest));
  });
}

}  // namespace

Status EvalDepthwiseInt8(const void* params, void* const* args) {
  EvalQuantized<int8_t, int32_t, int32_t>(*static_cast<const DepthwiseParams*>(params), args);
  return Status::kOk;
}

Status EvalDepthwiseInt4(const void* params, void* const* args) {
  const DepthwiseGeometry& g = static_cast<const DepthwiseParams*>(params)->geometry;
  return EvalUnpacked(EvalDepthwiseInt8, params, args,
                      g.y.filter * g.x.filter * g.input_depth * g.multiplier);
}

Status EvalDepthwiseInt16(const void* params, void* const* args) {
  EvalQuantized<int16_t, int64_t, Int64>(*static_cast<const DepthwiseParams*>(params), args);
  return Status::kOk;
}

Status EvalDepthwiseFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const DepthwiseFloatParams*>(params);
  const auto* bias = static_cast<const float*>(args[depthwise_arg::kBias]);
  ForEachOutput<float, float, float>(p.geometry, args, 0.0f, [&](int32_t c, float acc) {
    return Clamp(bias == nullptr ? acc : acc + bias[c], p.range.lowest, p.range.highest);
  });
  return Status::kOk;
}

}  // namespace tinydeploy
