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

// Integer means of `count` > 1 numbers, rounded to nearest, halves away from
// zero, without a division: floor(t / count) is the upper word of t times the
// next integer above 2^32 / count, for t < 2^32 / count. t is made positive by
// 128 in the result.
struct Divisor {
  explicit Divisor(int32_t count)
      : reciprocal(UINT32_MAX / static_cast<uint32_t>(count) + 1),
        base(count / 2 + 128 * count),
        tie(count % 2 ? 0 : -1) {}

  // 128 more than the mean.
  uint32_t operator()(int32_t sum) const {
    const auto t = static_cast<uint32_t>(sum + base + ((sum >> 31) & tie));
    return static_cast<uint32_t>(static_cast<uint64_t>(t) * reciprocal >> 32);
  }

  uint32_t reciprocal;
  int32_t base, tie;
};

constexpr int32_t kLongRow = 6;  // pixels: for more a call is worth it

void AddRow(const int8_t* from, int32_t pixels, int32_t step, ChannelSums* sums) {
  if (pixels >= kLongRow) {
    td_sum_pixels(from, pixels, step, sums);
    return;
  }
  ChannelSums local = *sums;
  for (; pixels > 0; --pixels, from += step) {
    const uint32_t word = LoadWord(from);
    local.even = Sxtab16(local.even, word);
    local.odd = Sxtab16(local.odd, word >> 8);
  }
  *sums = local;
}

// All channels of a window. Out of line: with the loops over pixels around it
// there would be no registers left.
[[gnu::noinline]] void Average(const Window<int8_t>& window, int32_t row_step, int32_t channels,
                               int8_t* out) {
  const Divisor divide(window.rows * window.columns);
  for (int32_t c = 0; c < channels; c += 4) {
    ChannelSums sums = {0, 0};
    const int8_t* row = window.first + c;
    for (int32_t y = 0; y < window.rows; ++y, row += row_step) {
      AddRow(row, window.columns, channels, &sums);
    }
    uint32_t word = divide(Bottom(sums.even)) | divide(Bottom(sums.odd)) << 8 |
                    divide(Top(sums.even)) << 16 | divide(Top(sums.odd)) << 24;
    word ^= 0x80808080u;
    if (c + 4 <= channels) {
      StoreWord(out + c, word);
      continue;
    }
    for (int32_t i = c; i < channels; ++i, word >>= 8) out[i] = static_cast<int8_t>(word & 0xff);
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
  TINYDEPLOY_WITHIN(p.kernel_height * p.kernel_width <= limits::kPoolPixels);
  const bool clamps = p.lowest > INT8_MIN || p.highest < INT8_MAX;
  ForEachWindow(p, input, output, [&p, clamps](const Window<int8_t>& window, int8_t* out) {
    const int32_t channels = p.channels;
    if (window.rows * window.columns == 1) {
      CopyBytes(out, window.first, channels);
    } else {
      Average(window, p.in_width * channels, channels, out);
    }
    for (int32_t c = 0; clamps && c < channels; ++c) out[c] = Clamp(out[c], p.lowest, p.highest);
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
