#include "dsp/pool.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

int32_t SumOf(const ChannelSums& sums, int channel) {
  const uint32_t word = channel & 1 ? sums.odd : sums.even;
  return channel & 2 ? Top(word) : Bottom(word);
}

int32_t Average(int32_t sum, int32_t count) {
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

uint32_t MaxOf(uint32_t largest, const int8_t* from, int32_t pixels, int32_t step) {
  for (; pixels > 0; --pixels, from += step) largest = MaxBytes(largest, LoadWord(from));
  return largest;
}

// The part of a window inside the image.
struct Window {
  int32_t rows, columns;
  const int8_t* first;
};

int32_t Cut(int32_t* begin, int32_t kernel, int32_t size) {
  const int32_t end = Min(*begin + kernel, size);
  *begin = Max(*begin, static_cast<int32_t>(0));
  return end - *begin;
}

// Calls write(window, channel, output) for every four channels of every output pixel.
template <class Write>
void ForEachWindow(const PoolParams8& p, const int8_t* input, int8_t* output, Write write) {
  for (int32_t oy = 0; oy < p.out_height; ++oy) {
    for (int32_t ox = 0; ox < p.out_width; ++ox, output += p.channels) {
      int32_t y = oy * p.stride_height - p.pad_top, x = ox * p.stride_width - p.pad_left;
      Window window;
      window.rows = Cut(&y, p.kernel_height, p.in_height);
      window.columns = Cut(&x, p.kernel_width, p.in_width);
      window.first = input + (y * p.in_width + x) * p.channels;
      if (window.columns == p.in_width) {  // whole rows: one run
        window.columns *= window.rows;
        window.rows = 1;
      }
      for (int32_t c = 0; c < p.channels; c += 4) write(window, c, output + c);
    }
  }
}

}  // namespace

extern "C" {

#if !defined(__ARM_FEATURE_DSP)
void td_sum_pixels(const int8_t* from, int32_t pixels, int32_t step, ChannelSums* sums) {
  for (; pixels > 0; --pixels, from += step) {
    const uint32_t word = LoadWord(from);
    sums->even = Sxtab16(sums->even, word);
    sums->odd = Sxtab16(sums->odd, word >> 8);
  }
}
#endif

void td_average_pool(const PoolParams8* params, const int8_t* input, int8_t* output) {
  const PoolParams8& p = *params;
  ForEachWindow(p, input, output, [&p](const Window& window, int32_t channel, int8_t* out) {
    ChannelSums sums = {0, 0};
    const int8_t* row = window.first + channel;
    for (int32_t y = 0; y < window.rows; ++y, row += p.in_width * p.channels) {
      td_sum_pixels(row, window.columns, p.channels, &sums);
    }
    const int32_t count = window.rows * window.columns;
    for (int i = 0; i < 4 && channel + i < p.channels; ++i) {
      const int32_t mean = Average(SumOf(sums, i), count);
      out[i] = static_cast<int8_t>(
          Clamp(mean, static_cast<int32_t>(p.lowest), static_cast<int32_t>(p.highest)));
    }
  });
}

void td_max_pool(const PoolParams8* params, const int8_t* input, int8_t* output) {
  const PoolParams8& p = *params;
  ForEachWindow(p, input, output, [&p](const Window& window, int32_t channel, int8_t* out) {
    uint32_t largest = 0x80808080;
    const int8_t* row = window.first + channel;
    for (int32_t y = 0; y < window.rows; ++y, row += p.in_width * p.channels) {
      largest = MaxOf(largest, row, window.columns, p.channels);
    }
    for (int i = 0; i < 4 && channel + i < p.channels; ++i) {
      out[i] = static_cast<int8_t>(
          Clamp(Byte(largest, i), static_cast<int32_t>(p.lowest), static_cast<int32_t>(p.highest)));
    }
  });
}

void td_mean(const MeanParams* params, const int8_t* input, int8_t* output) {
  constexpr int32_t kBlock = 256;  // pixels whose sum fits an int16
  const auto channels = static_cast<int32_t>(params->channels);
  const auto pixels = static_cast<int32_t>(params->pixels);
  for (int32_t c = 0; c < channels; c += 4) {
    int32_t totals[4] = {params->start, params->start, params->start, params->start};
    for (int32_t done = 0; done < pixels; done += kBlock) {
      ChannelSums sums = {0, 0};
      td_sum_pixels(input + done * channels + c, Min(pixels - done, kBlock), channels, &sums);
      for (int i = 0; i < 4; ++i) totals[i] += SumOf(sums, i);
    }
    for (int i = 0; i < 4 && c + i < channels; ++i) {
      const int32_t mean = Rescale(totals[i], params->multiplier, params->shift);
      output[c + i] = static_cast<int8_t>(Clamp(
          mean + params->output_zero_point, static_cast<int32_t>(-128), static_cast<int32_t>(127)));
    }
  }
}

}  // extern "C"
}  // namespace tinydeploy
