#include "kernels/common/dot.h"
#include "kernels/common/dot_bytes.h"
#include "kernels/common/int4.h"
#include "kernels/common/per_channel.h"
#include "kernels/depthwise_conv/depthwise_conv.h"
#include "runtime/tensor.h"

namespace tinydeploy {
namespace {

// Sum over the window for one output channel.
template <class Acc, class Input, class Weight, class Offset>
Acc Accumulate(const DepthwiseGeometry& g, const SlidingWindow::Taps& ys,
               const SlidingWindow::Taps& xs, const Input* origin, const Weight* filter,
               Offset offset) {
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
      const SlidingWindow::Taps ys = g.y.at(y);
      for (int32_t x = 0; x < g.x.output; ++x) {
        const SlidingWindow::Taps xs = g.x.at(x);
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

// ---- Int8, one output channel for each input channel: four neighbours at a time. ----

struct DepthwiseInt8 {
  DepthwiseInt8(const DepthwiseParams& params, void* const* args)
      : p(params),
        g(params.geometry),
        filter(static_cast<const int8_t*>(args[depthwise_arg::kFilter])),
        bias(static_cast<const int32_t*>(args[depthwise_arg::kBias])),
        multipliers(Multipliers(params)),
        shifts(Shifts(params, params.geometry.input_depth)),
        offsets(OffsetLanes(params.input_offset)),
        row_stride(g.y.dilation * g.x.input * g.input_depth),
        pixel_stride(g.x.dilation * g.input_depth) {}

  void Four(const SlidingWindow::Taps& ys, const SlidingWindow::Taps& xs, const int8_t* origin,
            int32_t c, int8_t* pixel) const {
    uint32_t sum0 = 0, sum1 = 0, sum2 = 0, sum3 = 0;
    const int32_t input_step = pixel_stride, filter_step = g.input_depth;
    for (int32_t y = ys.begin; y < ys.end; ++y) {
      const int8_t* input = origin + y * row_stride + xs.begin * pixel_stride + c;
      const int8_t* weight = filter + (y * g.x.filter + xs.begin) * g.input_depth + c;
      for (int32_t x = xs.begin; x < xs.end; ++x) {
        const Widened a = WidenAndAdd(LoadWord(input), offsets);
        const Widened w = Widen(LoadWord(weight));
        sum0 += static_cast<uint32_t>(Bottom(a.even) * Bottom(w.even));
        sum1 += static_cast<uint32_t>(Bottom(a.odd) * Bottom(w.odd));
        sum2 += static_cast<uint32_t>(Top(a.even) * Top(w.even));
        sum3 += static_cast<uint32_t>(Top(a.odd) * Top(w.odd));
        input += input_step;
        weight += filter_step;
      }
    }
    pixel[c] = Finish(c, static_cast<int32_t>(sum0));
    pixel[c + 1] = Finish(c + 1, static_cast<int32_t>(sum1));
    pixel[c + 2] = Finish(c + 2, static_cast<int32_t>(sum2));
    pixel[c + 3] = Finish(c + 3, static_cast<int32_t>(sum3));
  }

  int8_t Finish(int32_t c, int32_t acc) const {
    if (bias != nullptr) acc = AddWrapping(acc, bias[c]);
    const int32_t scaled = Rescale(acc, multipliers[c], shifts[c]);
    return static_cast<int8_t>(
        Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest));
  }

  void Pixel(const SlidingWindow::Taps& ys, const SlidingWindow::Taps& xs, const int8_t* origin,
             int8_t* pixel) const {
    int32_t c = 0;
    for (; c + 4 <= g.input_depth; c += 4) Four(ys, xs, origin, c, pixel);
    for (; c < g.input_depth; ++c) {
      pixel[c] = Finish(c, Accumulate<int32_t>(g, ys, xs, origin + c, filter + c, p.input_offset));
    }
  }

  const DepthwiseParams& p;
  const DepthwiseGeometry& g;
  const int8_t* filter;
  const int32_t* bias;
  const int32_t* multipliers;
  const int8_t* shifts;
  uint32_t offsets;
  int32_t row_stride;
  int32_t pixel_stride;
};

// Calls conv.Pixel(taps, taps, first input, first output) for each pixel.
template <class T, class Conv>
void ForEachPixel(const Conv& conv, void* const* args) {
  const DepthwiseGeometry& g = conv.g;
  const auto* image = static_cast<const T*>(args[depthwise_arg::kInput]);
  auto* output = static_cast<T*>(args[depthwise_arg::kOutput]);
  for (int32_t b = 0; b < g.batches; ++b, image += g.y.input * g.x.input * g.input_depth) {
    for (int32_t y = 0; y < g.y.output; ++y) {
      const SlidingWindow::Taps ys = g.y.at(y);
      for (int32_t x = 0; x < g.x.output; ++x, output += g.input_depth * g.multiplier) {
        const SlidingWindow::Taps xs = g.x.at(x);
        conv.Pixel(ys, xs, image + (ys.origin * g.x.input + xs.origin) * g.input_depth, output);
      }
    }
  }
}

}  // namespace

Status EvalDepthwiseInt8(const void* params, void* const* args) {
  const auto& p = *static_cast<const DepthwiseParams*>(params);
  if (p.geometry.multiplier == 1) {
    ForEachPixel<int8_t>(DepthwiseInt8(p, args), args);
  } else {
    EvalQuantized<int8_t, int32_t, int32_t>(p, args);
  }
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

namespace {

// ---- Float: four output channels at a time, each sum in the order of the taps. ----

struct DepthwiseFloat {
  DepthwiseFloat(const DepthwiseFloatParams& params, void* const* args)
      : g(params.geometry),
        filter(static_cast<const float*>(args[depthwise_arg::kFilter])),
        bias(static_cast<const float*>(args[depthwise_arg::kBias])),
        range(params.range),
        channels(g.input_depth * g.multiplier) {}

  // Channels [c, c + kCount) of a pixel; kStep: from the input of one to that of the next, 0 or 1.
  template <int kCount, int kStep>
  void Compute(const SlidingWindow::Taps& ys, const SlidingWindow::Taps& xs, const float* origin,
               int32_t c, float* pixel) const {
    const int32_t pixel_stride = g.x.dilation * g.input_depth, filter_step = channels;
    float sums[kCount] = {};
    for (int32_t y = ys.begin; y < ys.end; ++y) {
      const float* input =
          origin + (y * g.y.dilation * g.x.input + xs.begin * g.x.dilation) * g.input_depth;
      const float* weight = filter + (y * g.x.filter + xs.begin) * channels + c;
      for (int32_t x = xs.begin; x < xs.end; ++x) {
#pragma GCC unroll 4
        for (int k = 0; k < kCount; ++k) sums[k] += input[k * kStep] * weight[k];
        input += pixel_stride;
        weight += filter_step;
      }
    }
    for (int k = 0; k < kCount; ++k) {
      const float sum = bias == nullptr ? sums[k] : sums[k] + bias[c + k];
      pixel[c + k] = Clamp(sum, range.lowest, range.highest);
    }
  }

  void Pixel(const SlidingWindow::Taps& ys, const SlidingWindow::Taps& xs, const float* origin,
             float* pixel) const {
    int32_t c = 0;
    if (g.multiplier == 1) {
      for (; c + 4 <= channels; c += 4) Compute<4, 1>(ys, xs, origin + c, c, pixel);
    }
    for (int32_t i = c; i < g.input_depth; ++i) {
      const int32_t end = c + g.multiplier;
      for (; c + 4 <= end; c += 4) Compute<4, 0>(ys, xs, origin + i, c, pixel);
      for (; c < end; ++c) Compute<1, 0>(ys, xs, origin + i, c, pixel);
    }
  }

  const DepthwiseGeometry& g;
  const float* filter;
  const float* bias;
  FloatRange range;
  int32_t channels;  // of the output
};

// All channels of an image that has fewer than four, such as its colours. A type of its own: beside
// the four they would cost these their registers.
template <int kCount>
struct DepthwiseFew : DepthwiseFloat {
  using DepthwiseFloat::DepthwiseFloat;

  void Pixel(const SlidingWindow::Taps& ys, const SlidingWindow::Taps& xs, const float* origin,
             float* pixel) const {
    Compute<kCount, 1>(ys, xs, origin, 0, pixel);
  }
};

template <class Conv>
Status EvalFloat(const void* params, void* const* args) {
  const Conv conv(*static_cast<const DepthwiseFloatParams*>(params), args);
  ForEachPixel<float>(conv, args);
  return Status::kOk;
}

}  // namespace

Status EvalDepthwiseFloat(const void* params, void* const* args) {
  const DepthwiseGeometry& g = static_cast<const DepthwiseFloatParams*>(params)->geometry;
  if (g.multiplier == 1 && g.input_depth == 3) return EvalFloat<DepthwiseFew<3>>(params, args);
  if (g.multiplier == 1 && g.input_depth == 2) return EvalFloat<DepthwiseFew<2>>(params, args);
  return EvalFloat<DepthwiseFloat>(params, args);
}

}  // namespace tinydeploy
