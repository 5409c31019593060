#include "dsp/pool16.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"
#include "dsp/windows.h"
#include "dsp/within.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

static_assert(255 * 255 <= limits::kAddends16, "any window of PoolParams16 fits the sums");
static_assert((1LL << 15) * limits::kAddends16 <= INT32_MAX, "sums are int32");

// Sums of two channels.
struct Sums {
  int32_t bottom, top;

  void Add(uint32_t word) {
    bottom += Bottom(word);
    top += Top(word);
  }
};

// Adds `pixels` times two channels, `step` elements apart.
void AddPixels(const int16_t* from, int32_t pixels, int32_t step, Sums* sums) {
  Sums local = *sums;
  for (; pixels >= 2; pixels -= 2, from += 2 * step) {
    const uint32_t first = LoadWord(from), second = LoadWord(from + step);
    local.Add(first);
    local.Add(second);
  }
  if (pixels > 0) local.Add(LoadWord(from));
  *sums = local;
}

int32_t Average(int32_t sum, int32_t count) {
  return (sum > 0 ? sum + count / 2 : sum - count / 2) / count;
}

void StoreLanes(int16_t* output, uint32_t lanes, int32_t count) {
  if (count >= 2) {
    StoreWord(output, lanes);
  } else {
    *output = static_cast<int16_t>(Bottom(lanes));
  }
}

// One output pixel. Out of line: with the loops over pixels around it there would be no registers
// left.
[[gnu::noinline]] void AverageOf(const PoolParams16& p, const Window<int16_t>& window,
                                 int16_t* output) {
  const int32_t channels = p.channels, row_step = p.in_width * p.channels;
  const int32_t count = window.rows * window.columns;
  const uint32_t lowest = Lanes(p.lowest, p.lowest), highest = Lanes(p.highest, p.highest);
  for (int32_t c = 0; c < channels; c += 2) {
    Sums sums = {0, 0};
    const int16_t* row = window.first + c;
    for (int32_t y = 0; y < window.rows; ++y, row += row_step) {
      AddPixels(row, window.columns, channels, &sums);
    }
    const uint32_t mean = Lanes(Average(sums.bottom, count), Average(sums.top, count));
    StoreLanes(output + c, MinHalves(MaxHalves(mean, lowest), highest), channels - c);
  }
}

}  // namespace

extern "C" {

void td_average_pool16(const PoolParams16* params, const int16_t* input, int16_t* output) {
  const PoolParams16& p = *params;
  ForEachWindow(p, input, output,
                [&p](const Window<int16_t>& window, int16_t* out) { AverageOf(p, window, out); });
}

void td_max_pool16(const PoolParams16* params, const int16_t* input, int16_t* output) {
  MaxPool(*params, input, output);
}

void td_mean16(const MeanParams* params, const int16_t* input, int16_t* output) {
  const auto channels = static_cast<int32_t>(params->channels);
  const auto pixels = static_cast<int32_t>(params->pixels);
  TINYDEPLOY_WITHIN(pixels <= limits::kAddends16);
  const auto finish = [params](int32_t sum) {
    const int32_t mean = Rescale(sum, params->multiplier, params->shift);
    return Saturated16(AddWrapping(mean, params->output_zero_point));
  };
  for (int32_t c = 0; c < channels; c += 2) {
    Sums sums = {params->start, params->start};
    AddPixels(input + c, pixels, channels, &sums);
    StoreLanes(output + c, Lanes(finish(sums.bottom), finish(sums.top)), channels - c);
  }
}

}  // extern "C"
}  // namespace tinydeploy
