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

inline void AddPixel(const int8_t* pixel, uint32_t* even, uint32_t* odd) {
  const uint32_t word = LoadWord(pixel);
  *even = Sxtab16(*even, word);
  *odd = Sxtab16Odd(*odd, word);
}

// The sums of four channels over a window: of short rows, of long ones.
struct ShortRows {
  static ChannelSums Sum(const int8_t* row, const Window<int8_t>& window, int32_t row_step,
                         int32_t step) {
    uint32_t even = 0, odd = 0;
    for (int32_t y = window.rows; y > 0; --y, row += row_step) {
      const int8_t* from = row;
      for (int32_t x = window.columns; x > 0; --x, from += step) {
        AddPixel(from, &even, &odd);
        Opaque(&x);
      }
    }
    return {even, odd};
  }
};

struct LongRows {
  static ChannelSums Sum(const int8_t* row, const Window<int8_t>& window, int32_t row_step,
                         int32_t step) {
    ChannelSums sums = {0, 0};
    for (int32_t y = window.rows; y > 0; --y, row += row_step) {
      td_sum_pixels(row, window.columns, step, &sums);
    }
    return sums;
  }
};

// The first bytes of `word`, up to four of them.
inline void StoreChannels(int8_t* out, uint32_t word, int32_t channels) {
  if (channels >= 4) {
    StoreWord(out, word);
    return;
  }
  for (; channels > 0; --channels, word >>= 8) *out++ = static_cast<int8_t>(word & 0xff);
}

// All channels of a window. Out of line: with the loops over pixels around it there would be no
// registers left.
template <class Rows>
[[gnu::noinline]] void Average(const Window<int8_t>& window, int32_t row_step, int32_t channels,
                               int8_t* out) {
  const Divisor divide(window.rows * window.columns);
  for (int32_t c = 0; c < channels; c += 4) {
    const ChannelSums sums = Rows::Sum(window.first + c, window, row_step, channels);
    const uint32_t word = divide(Bottom(sums.even)) | divide(Bottom(sums.odd)) << 8 |
                          divide(Top(sums.even)) << 16 | divide(Top(sums.odd)) << 24;
    StoreChannels(out + c, word ^ 0x80808080u, channels - c);
  }
}

// Means of two bytes, four at a time. The halved sum is rounded down; what was odd and is not
// negative belongs one higher.
inline uint32_t MeanOfTwo(uint32_t a, uint32_t b) {
  const uint32_t half = HalvingAddBytes(a, b);
  return half + ((a ^ b) & ~(half >> 7) & 0x01010101u);
}

[[gnu::noinline]] void AverageTwo(const int8_t* a, const int8_t* b, int32_t channels, int8_t* out) {
  for (; channels >= 4; channels -= 4, a += 4, b += 4, out += 4) {
    StoreWord(out, MeanOfTwo(LoadWord(a), LoadWord(b)));
  }
  if (channels > 0) StoreChannels(out, MeanOfTwo(LoadWord(a), LoadWord(b)), channels);
}

// Means of four bytes, each in an int16 lane with 128 added. `sum` is theirs with 512 added, so
// that bit 9 says whether they are positive: halves are rounded away from zero.
inline uint32_t MeanOfFour(uint32_t sum) {
  const uint32_t positive = sum >> 9 & 0x00010001u;
  return (sum + 0x00010001u + positive) >> 2 & 0x00ff00ffu;
}

inline uint32_t MeanOfFour(const int8_t* a, const int8_t* b, const int8_t* c, const int8_t* d) {
  uint32_t even = 0x02000200u, odd = even;
  AddPixel(a, &even, &odd);
  AddPixel(b, &even, &odd);
  AddPixel(c, &even, &odd);
  AddPixel(d, &even, &odd);
  return (MeanOfFour(even) | MeanOfFour(odd) << 8) ^ 0x80808080u;
}

[[gnu::noinline]] void AverageFour(const int8_t* a, const int8_t* b, const int8_t* c,
                                   const int8_t* d, int32_t channels, int8_t* out) {
  for (; channels >= 4; channels -= 4, a += 4, b += 4, c += 4, d += 4, out += 4) {
    StoreWord(out, MeanOfFour(a, b, c, d));
  }
  if (channels > 0) StoreChannels(out, MeanOfFour(a, b, c, d), channels);
}

void AverageWindow(const Window<int8_t>& window, int32_t row_step, int32_t channels, int8_t* out) {
  const int32_t count = window.rows * window.columns;
  const int32_t near = window.columns == 1 ? row_step : channels;
  const int32_t far = window.columns == 2 ? row_step : 2 * near;
  const int8_t* const a = window.first;
  if (count == 1) {
    CopyBytes(out, a, channels);
  } else if (count == 2) {
    AverageTwo(a, a + near, channels, out);
  } else if (count == 4) {
    AverageFour(a, a + near, a + far, a + far + near, channels, out);
  } else if (window.columns < kLongRow) {
    Average<ShortRows>(window, row_step, channels, out);
  } else {
    Average<LongRows>(window, row_step, channels, out);
  }
}

}  // namespace

extern "C" {

#if !defined(__ARM_FEATURE_DSP)
void td_sum_pixels(const int8_t* from, int32_t pixels, int32_t step, ChannelSums* sums) {
  for (; pixels > 0; --pixels, from += step) {
    const uint32_t word = LoadWord(from);
    sums->even = Sxtab16(sums->even, word);
    sums->odd = Sxtab16Odd(sums->odd, word);
  }
}
#endif

void td_average_pool(const PoolParams8* params, const int8_t* input, int8_t* output) {
  const PoolParams8& p = *params;
  TINYDEPLOY_WITHIN(p.kernel_height * p.kernel_width <= limits::kPoolPixels);
  const bool clamps = p.lowest > INT8_MIN || p.highest < INT8_MAX;
  ForEachWindow(p, input, output, [&p, clamps](const Window<int8_t>& window, int8_t* out) {
    const int32_t channels = p.channels;
    AverageWindow(window, p.in_width * channels, channels, out);
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
