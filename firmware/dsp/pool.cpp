#include "dsp/pool.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"
#include "dsp/windows.h"
#include "dsp/within.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

static_assert(128 * limits::kPoolPixels <= 1 << 15, "ChannelSums are int16");
static_assert(255LL * limits::kMeanPixels <= INT32_MAX, "totals are int32");

int32_t SumOf(const ChannelSums& sums, int channel) {
  const uint32_t word = channel & 1 ? sums.odd : sums.even;
  return channel & 2 ? Top(word) : Bottom(word);
}

int32_t Average(int32_t sum, int32_t count) {
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
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
  TINYDEPLOY_WITHIN(p.kernel_height * p.kernel_width <= limits::kPoolPixels);
  ForEachWindow(p, input, output, [&p](const Window<int8_t>& window, int8_t* out) {
    const int32_t count = window.rows * window.columns;
    for (int32_t c = 0; c < p.channels; c += 4) {
      ChannelSums sums = {0, 0};
      const int8_t* row = window.first + c;
      for (int32_t y = 0; y < window.rows; ++y, row += p.in_width * p.channels) {
        td_sum_pixels(row, window.columns, p.channels, &sums);
      }
      for (int i = 0; i < 4 && c + i < p.channels; ++i) {
        const int32_t mean = Average(SumOf(sums, i), count);
        out[c + i] = static_cast<int8_t>(
            Clamp(mean, static_cast<int32_t>(p.lowest), static_cast<int32_t>(p.highest)));
      }
    }
  });
}

void td_max_pool(const PoolParams8* params, const int8_t* input, int8_t* output) {
  MaxPool(*params, input, output);
}

void td_mean(const MeanParams* params, const int8_t* input, int8_t* output) {
  const auto channels = static_cast<int32_t>(params->channels);
  const auto pixels = static_cast<int32_t>(params->pixels);
  TINYDEPLOY_WITHIN(pixels <= limits::kMeanPixels);
  for (int32_t c = 0; c < channels; c += 4) {
    int32_t totals[4] = {params->start, params->start, params->start, params->start};
    for (int32_t done = 0; done < pixels; done += limits::kPoolPixels) {
      ChannelSums sums = {0, 0};
      td_sum_pixels(input + done * channels + c, Min(pixels - done, limits::kPoolPixels), channels,
                    &sums);
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
