#include "kernels/common/dot.h"
#include "kernels/common/dot_bytes.h"
#include "kernels/common/dot_floats.h"
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
  SlidingWindow::Taps y;
  SlidingWindow::Taps x;
};

// Calls add(input, weights, length) for each run of taps in order.
template <class Input, class Weight, class Add>
void ForEachRun(const ConvGeometry& g, const Patch<Input>& patch, const Weight* filter, Add add) {
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
      add(input, weights, length);
      input += pixel_stride;
      weights += g.filter_depth;
    }
  }
}

template <class Acc, class Input, class Weight, class Offset>
Acc Accumulate(const ConvGeometry& g, const Patch<Input>& patch, const Weight* filter, Acc acc,
               Offset offset) {
  ForEachRun(g, patch, filter, [&](const Input* input, const Weight* weights, int32_t length) {
    acc = Dot(acc, input, weights, length, offset);
  });
  return acc;
}

// Calls visit(patch of the first group, first output value) for each output pixel in order.
template <class Input, class Output, class Visit>
void ForEachPixel(const ConvGeometry& g, const Input* input, Output* output, Visit visit) {
  for (int32_t b = 0; b < g.batches; ++b, input += g.y.input * g.x.input * g.input_depth) {
    for (int32_t y = 0; y < g.y.output; ++y) {
      Patch<Input> patch = {nullptr, g.y.at(y), {}};
      for (int32_t x = 0; x < g.x.output; ++x, output += g.output_depth) {
        patch.x = g.x.at(x);
        patch.origin = input + (patch.y.origin * g.x.input + patch.x.origin) * g.input_depth;
        visit(patch, output);
      }
    }
  }
}

// Calls finish(channel, patch, filter) for each output value in order and stores what it returns.
template <class Input, class Weight, class Output, class Finish>
void ForEachOutput(const ConvGeometry& g, const Input* input, const Weight* filter, Output* output,
                   Finish finish) {
  const int32_t taps = g.y.filter * g.x.filter * g.filter_depth;
  ForEachPixel(g, input, output, [&](Patch<Input> patch, Output* pixel) {
    const Input* const origin = patch.origin;
    for (int32_t c = 0; c < g.output_depth; ++c) {
      patch.origin = origin + c / g.group_outputs * g.filter_depth;
      pixel[c] = finish(c, patch, filter + c * taps);
    }
  });
}

template <class T>
T Requantize(const ConvParams& p, int32_t scaled) {
  return static_cast<T>(
      Clamp(AddWrapping(scaled, p.output_offset), p.range.lowest, p.range.highest));
}

// ---- Int8 and float: channels that see the same input are computed together. ----

// Calls conv.Compute<n>(patch, channel, pixel) for all channels of a pixel.
template <class Conv, class T>
void ComputePixel(const Conv& conv, Patch<T> patch, T* pixel) {
  constexpr int kTogether = 4;
  const ConvGeometry& g = conv.g;
  for (int32_t c = 0; c < g.output_depth; patch.origin += g.filter_depth) {
    const int32_t end = c + g.group_outputs;
    for (; c + kTogether <= end; c += kTogether) {
      conv.template Compute<kTogether>(patch, c, pixel);
    }
    for (; c < end; ++c) conv.template Compute<1>(patch, c, pixel);
  }
}

template <class Conv, class T>
void ComputeAll(const Conv& conv, void* const* args, const T*) {
  ForEachPixel(conv.g, static_cast<const T*>(args[conv_arg::kInput]),
               static_cast<T*>(args[conv_arg::kOutput]),
               [&](const Patch<T>& patch, T* pixel) { ComputePixel(conv, patch, pixel); });
}

struct ConvInt8 {
  explicit ConvInt8(const ConvParams& params, void* const* args)
      : p(params),
        g(params.geometry),
        filter(static_cast<const int8_t*>(args[conv_arg::kFilter])),
        bias(static_cast<const int32_t*>(args[conv_arg::kBias])),
        multipliers(Multipliers(params)),
        shifts(Shifts(params, params.geometry.output_depth)),
        offsets(OffsetLanes(params.input_offset)),
        taps(g.y.filter * g.x.filter * g.filter_depth) {}

  // Channels [c, c + kCount) of a pixel, all of one group.
  template <int kCount>
  void Compute(const Patch<int8_t>& patch, int32_t c, int8_t* pixel) const {
    ByteSums<kCount> sums;
    ForEachRun(g, patch, filter + c * taps,
               [&](const int8_t* input, const int8_t* weights, int32_t length) {
                 sums.Add(input, weights, taps, length, offsets);
               });
    for (int k = 0; k < kCount; ++k) pixel[c + k] = Finish(c + k, sums.sums[k]);
  }

  int8_t Finish(int32_t c, uint32_t sum) const {
    auto acc = static_cast<int32_t>(sum);
    if (bias != nullptr) acc = AddWrapping(acc, bias[c]);
    return Requantize<int8_t>(p, Rescale(acc, multipliers[c], shifts[c]));
  }

  const ConvParams& p;
  const ConvGeometry& g;
  const int8_t* filter;
  const int32_t* bias;
  const int32_t* multipliers;
  const int8_t* shifts;
  uint32_t offsets;
  int32_t taps;  // of one filter
};

}  // namespace

Status EvalConvInt8(const void* params, void* const* args) {
  const ConvInt8 conv(*static_cast<const ConvParams*>(params), args);
  ComputeAll(conv, args, conv.filter);
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

namespace {

struct ConvFloat {
  ConvFloat(const ConvFloatParams& params, void* const* args)
      : g(params.geometry),
        filter(static_cast<const float*>(args[conv_arg::kFilter])),
        bias(static_cast<const float*>(args[conv_arg::kBias])),
        range(params.range),
        taps(g.y.filter * g.x.filter * g.filter_depth) {}

  // Channels [c, c + kCount) of a pixel, all of one group.
  template <int kCount>
  void Compute(const Patch<float>& patch, int32_t c, float* pixel) const {
    FloatSums<kCount> sums;
    AddTaps(patch, filter + c * taps, [&](const FloatRuns& runs) { sums.Add(runs, taps); });
    for (int k = 0; k < kCount; ++k) {
      const float sum = bias == nullptr ? sums.sums[k] : sums.sums[k] + bias[c + k];
      pixel[c + k] = Clamp(sum, range.lowest, range.highest);
    }
  }

  // Calls add(runs) for all rows of taps at once, or for each where the taps have gaps.
  template <class Add>
  void AddTaps(const Patch<float>& patch, const float* weights, Add add) const {
    const int32_t row_stride = g.y.dilation * g.x.input * g.input_depth;
    const int32_t pixel_stride = g.x.dilation * g.input_depth;
    const int32_t across = patch.x.end - patch.x.begin, rows = patch.y.end - patch.y.begin;
    const int32_t weights_row = g.x.filter * g.filter_depth;
    const float* input = patch.origin + patch.y.begin * row_stride + patch.x.begin * pixel_stride;
    weights += patch.y.begin * weights_row + patch.x.begin * g.filter_depth;
    if (pixel_stride == g.filter_depth) {
      add({input, weights, across * g.filter_depth, rows, row_stride, weights_row});
      return;
    }
    for (int32_t y = 0; y < rows; ++y, input += row_stride, weights += weights_row) {
      add({input, weights, g.filter_depth, across, pixel_stride, g.filter_depth});
    }
  }

  const ConvGeometry& g;
  const float* filter;
  const float* bias;
  FloatRange range;
  int32_t taps;  // of one filter
};

}  // namespace

Status EvalConvFloat(const void* params, void* const* args) {
  const ConvFloat conv(*static_cast<const ConvFloatParams*>(params), args);
  ComputeAll(conv, args, conv.filter);
  return Status::kOk;
}

}  // namespace tinydeploy
