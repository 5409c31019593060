#include "dsp/conv_general.h"

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

int32_t Dot(int32_t sum, const int8_t* input, const int8_t* weights, int32_t count,
            int32_t zero_point) {
  for (int32_t i = 0; i < count; ++i) sum += (input[i] - zero_point) * weights[i];
  return sum;
}

// input: the first channel of the group, at the image's origin.
int32_t Sum(const GeneralConvParams& p, const Taps& y, const Taps& x, const int8_t* input,
            const int8_t* weights, int32_t sum) {
  for (int32_t ky = y.begin; ky < y.end; ++ky) {
    const int8_t* line = input + (y.origin + ky * p.dilation_height) * p.in_width * p.in_channels;
    for (int32_t kx = x.begin; kx < x.end; ++kx) {
      sum = Dot(sum, line + (x.origin + kx * p.dilation_width) * p.in_channels,
                weights + (ky * p.kernel_width + kx) * p.group_depth, p.group_depth,
                p.input_zero_point);
    }
  }
  return sum;
}

int8_t Requantize(const GeneralConvParams& p, const GeneralChannel& channel, int32_t sum) {
  const int32_t value =
      AddWrapping(Rescale(sum, channel.multiplier, channel.shift), p.output_zero_point);
  return static_cast<int8_t>(
      Clamp(value, static_cast<int32_t>(p.lowest), static_cast<int32_t>(p.highest)));
}

}  // namespace

extern "C" void td_conv_general(const GeneralConvParams* params, const int8_t* input,
                                const GeneralChannel* channels, const int8_t* weights,
                                int8_t* output) {
  const GeneralConvParams& p = *params;
  const int32_t taps = p.kernel_height * p.kernel_width * p.group_depth;
  for (int32_t batch = 0; batch < p.batches; ++batch) {
    for (int32_t oy = 0; oy < p.out_height; ++oy) {
      const Taps y(oy, p.stride_height, p.pad_top, p.dilation_height, p.kernel_height, p.in_height);
      for (int32_t ox = 0; ox < p.out_width; ++ox) {
        const Taps x(ox, p.stride_width, p.pad_left, p.dilation_width, p.kernel_width, p.in_width);
        for (int32_t c = 0; c < p.out_channels; ++c) {
          const int8_t* group = input + c / p.group_outputs * p.group_depth;
          const int32_t sum = Sum(p, y, x, group, weights + c * taps, channels[c].bias);
          *output++ = Requantize(p, channels[c], sum);
        }
      }
    }
    input += p.in_height * p.in_width * p.in_channels;
  }
}

}  // namespace tinydeploy
