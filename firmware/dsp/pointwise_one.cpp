#include "dsp/pointwise_one.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"
#include "dsp/within.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

constexpr int32_t kGroup = 4, kInputs = 256;

// What turns a channel's sums into outputs.
class Requantization {
 public:
  Requantization(const PointwiseOneParams& p, const OneWeight& channel)
      : channel_(channel), lowest_(p.lowest), highest_(p.highest) {}

  uint8_t operator()(int32_t a) const {
    const int32_t y = MultiplyHighAdd(a, channel_.multiplier, channel_.constant);
    const int32_t rounded = y + (a >> 31 & channel_.negative);
    return static_cast<uint8_t>(Clamp(rounded >> channel_.right, lowest_, highest_));
  }

 private:
  const OneWeight channel_;
  const int32_t lowest_, highest_;
};

// One channel's output for each input from -128 upwards, in every fourth byte. Out of line: four in
// a row would leave no registers.
[[gnu::noinline]] void Tabulate(const PointwiseOneParams& p, const OneWeight& channel,
                                uint8_t* table) {
  const Requantization output(p, channel);
  const int32_t weight = channel.weight;
  int32_t sum = channel.start - 128 * weight;
  for (int32_t x = kInputs; x > 0; --x, table += kGroup, sum = AddWrapping(sum, weight)) {
    *table = output(sum);
  }
}

// One channel of some pixels without a table.
[[gnu::noinline]] void Compute(const PointwiseOneParams& p, const int8_t* input, int32_t pixels,
                               const OneWeight& channel, int8_t* output) {
  const Requantization scaled(p, channel);
  for (; pixels > 0; --pixels, output += p.channels) {
    *output = static_cast<int8_t>(scaled(channel.start + channel.weight * *input++));
  }
}

// Where a table fits after `output`.
uint32_t* TableAt(int8_t* output) {
  const auto place = reinterpret_cast<uintptr_t>(output);
  return reinterpret_cast<uint32_t*>(output + (-place & 3));
}

// Four channels of all pixels.
void LookUp(const uint32_t* zero, const int8_t* input, int32_t pixels, int32_t step,
            int8_t* output) {
  for (; pixels >= 4; pixels -= 4, input += 4) {
    for (int i = 0; i < 4; ++i, output += step) StoreWord(output, zero[input[i]]);
  }
  for (; pixels > 0; --pixels, output += step) StoreWord(output, zero[*input++]);
}

}  // namespace

extern "C" void td_pointwise_one(const PointwiseOneParams* params, const int8_t* input,
                                 const OneWeight* channels, int8_t* output) {
  const PointwiseOneParams& p = *params;
  const int32_t count = p.channels, tail = PointwiseOneTail(count);
  const int32_t pixels = static_cast<int32_t>(p.pixels) - tail;
  TINYDEPLOY_WITHIN(count >= kGroup && pixels > 0);
  int8_t* const rest = output + pixels * count;
  uint32_t* const table = TableAt(rest);
  for (int32_t group = 0; group < count; group += kGroup) {
    const int32_t first = Min(group, count - kGroup);  // whole words: some channels come twice
    for (int32_t i = 0; i < kGroup; ++i) {
      Tabulate(p, channels[first + i], reinterpret_cast<uint8_t*>(table) + i);
    }
    LookUp(table + kInputs / 2, input, pixels, count, output + first);
  }
  for (int32_t c = 0; c < count; ++c) {
    Compute(p, input + pixels, tail, channels[c], rest + c);
  }
}

}  // namespace tinydeploy
