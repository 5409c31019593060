#include "dsp/conv_general.h"

#include "kernels/common/dot_bytes.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

// Taps of the kernel that lie inside the image along one axis, for the output at `position`.
struct Taps {
  int32_t origin, begin, end;

  Taps(int32_t position, int32_t stride, int32_t pad, int32_t dilation, int32_t kernel,
       int32_t size) {
    origin = position * stride - pad;
    begin = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    end = Min(kernel, origin < size ? (size - origin + dilation - 1) / dilation : 0);
  }
};

struct Patch {
  const GeneralConvParams& p;
  const int8_t* image;
  const Taps& y;
  const Taps& x;

  // The input channels of a group under tap (ky, x.begin).
  const int8_t* Line(int32_t group, int32_t ky) const {
    const int32_t line = y.origin + ky * p.dilation_height;
    const int32_t pixel = x.origin + x.begin * p.dilation_width;
    return image + (line * p.in_width + pixel) * p.in_channels + group * p.group_depth;
  }
};

// Runs of input channels, for kCount output channels of one group.
template <int kCount>
void AddRuns(const Patch& patch, int32_t group, const int8_t* weights, ByteSums<kCount>* sums) {
  const GeneralConvParams& p = patch.p;
  const uint32_t offsets = OffsetLanes(-p.input_zero_point);
  const int32_t stride = p.kernel_height * p.kernel_width * p.group_depth;
  // Without gaps between them the taps of a row are one run.
  const bool joined = p.dilation_width == 1 && p.group_depth == p.in_channels;
  const int32_t taps = patch.x.end - patch.x.begin;
  const int32_t runs = joined ? Min(taps, static_cast<int32_t>(1)) : taps;
  const int32_t length = joined ? taps * p.group_depth : p.group_depth;
  for (int32_t ky = patch.y.begin; ky < patch.y.end; ++ky) {
    const int8_t* from = patch.Line(group, ky);
    const int8_t* row = weights + (ky * p.kernel_width + patch.x.begin) * p.group_depth;
    for (int32_t run = 0; run < runs; ++run) {
      sums->Add(from, row, stride, length, offsets);
      from += p.dilation_width * p.in_channels;
      row += p.group_depth;
    }
  }
}

// The same for one output channel of a single input channel.
uint32_t SumOfOne(const Patch& patch, int32_t group, const int8_t* weights) {
  const GeneralConvParams& p = patch.p;
  const int32_t step = p.dilation_width * p.in_channels, offset = -p.input_zero_point;
  const int32_t taps = patch.x.end - patch.x.begin;
  uint32_t sum = 0;
  for (int32_t ky = patch.y.begin; ky < patch.y.end; ++ky) {
    const int8_t* from = patch.Line(group, ky);
    const int8_t* row = weights + ky * p.kernel_width + patch.x.begin;
    for (int32_t i = 0; i < taps; ++i, from += step) {
      sum += static_cast<uint32_t>((*from + offset) * row[i]);
    }
  }
  return sum;
}

void Write(const GeneralConvParams& p, const GeneralChannel& channel, uint32_t sum, int8_t* pixel) {
  const int32_t scaled = Rescale(static_cast<int32_t>(sum), channel.multiplier, channel.shift);
  const int32_t value = AddWrapping(scaled, p.output_zero_point);
  pixel[channel.output] = static_cast<int8_t>(
      Clamp(value, static_cast<int32_t>(p.lowest), static_cast<int32_t>(p.highest)));
}

uint32_t Bias(const GeneralChannel& channel) { return static_cast<uint32_t>(channel.bias); }

void Start(const GeneralChannel* c, ByteSums<1>* sums) { sums->sums[0] = Bias(c[0]); }

void Start(const GeneralChannel* c, ByteSums<4>* sums) {
  *sums = {{Bias(c[0]), Bias(c[1]), Bias(c[2]), Bias(c[3])}};
}

// kCount channels of one group.
template <int kCount>
void Together(const Patch& patch, const GeneralChannel* channels, const int8_t* weights,
              int8_t* pixel) {
  const int32_t group = channels->output / patch.p.group_outputs;
  ByteSums<kCount> sums;
  Start(channels, &sums);
  if (patch.p.group_depth == 1) {
    const int32_t stride = patch.p.kernel_height * patch.p.kernel_width;
    for (int k = 0; k < kCount; ++k) sums.sums[k] += SumOfOne(patch, group, weights + k * stride);
  } else {
    AddRuns(patch, group, weights, &sums);
  }
  for (int k = 0; k < kCount; ++k) Write(patch.p, channels[k], sums.sums[k], pixel);
}

void Pixel(const Patch& patch, const GeneralChannel* channels, const int8_t* weights,
           int8_t* pixel) {
  constexpr int32_t kMost = 4;
  const GeneralConvParams& p = patch.p;
  const int32_t taps = p.kernel_height * p.kernel_width * p.group_depth;
  for (int32_t c = 0; c < p.channels;) {
    const int32_t group = channels[c].output / p.group_outputs;
    const int32_t last = c + kMost - 1;
    if (last < p.channels && channels[last].output / p.group_outputs == group) {
      Together<kMost>(patch, channels + c, weights + c * taps, pixel);
      c += kMost;
    } else {
      Together<1>(patch, channels + c, weights + c * taps, pixel);
      ++c;
    }
  }
}

}  // namespace

extern "C" void td_conv_general(const GeneralConvParams* params, const int8_t* input,
                                const GeneralChannel* channels, const int8_t* weights,
                                int8_t* output) {
  const GeneralConvParams& p = *params;
  for (int32_t batch = 0; batch < p.batches; ++batch) {
    for (int32_t oy = 0; oy < p.out_height; ++oy) {
      const Taps y(oy, p.stride_height, p.pad_top, p.dilation_height, p.kernel_height, p.in_height);
      for (int32_t ox = 0; ox < p.out_width; ++ox, output += p.out_channels) {
        const Taps x(ox, p.stride_width, p.pad_left, p.dilation_width, p.kernel_width, p.in_width);
        Pixel({p, input, y, x}, channels, weights, output);
      }
    }
    input += p.in_height * p.in_width * p.in_channels;
  }
}

}  // namespace tinydeploy
