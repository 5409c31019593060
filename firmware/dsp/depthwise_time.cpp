#include "dsp/depthwise_time.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

constexpr int32_t kGroup = 4;         // channels
constexpr int32_t kNumberWords = 13;  // of a group, in front of its weights

// Two taps of four channels: the bytes of channels 0 and 1 of both in a word, those of 2 and 3 in
// another, as the weights are.
inline void AddTaps(uint32_t first, uint32_t second, const uint32_t* weights, uint32_t* sums) {
  const uint32_t low = (first & 0xffff) | (second << 16);
  const uint32_t high = (first >> 16) | (second & 0xffff0000u);
  sums[0] = MultiplyAdd(Sxtb16(low), Sxtb16(weights[0]), sums[0]);
  sums[1] = MultiplyAdd(Sxtb16(low >> 8), Sxtb16(weights[0] >> 8), sums[1]);
  sums[2] = MultiplyAdd(Sxtb16(high), Sxtb16(weights[1]), sums[2]);
  sums[3] = MultiplyAdd(Sxtb16(high >> 8), Sxtb16(weights[1] >> 8), sums[3]);
}

int8_t Output(uint32_t sum, const uint32_t* number, uint32_t shift, bool is_signed) {
  const int32_t y = ScaleWide(sum << 8, number[0], number[1], shift, is_signed);
  return static_cast<int8_t>(y < -128 ? -128 : y > 127 ? 127 : y);
}

// Four channels of one output; the stream behind them.
const uint32_t* Convolve(const DepthwiseTimeParams& p, const int8_t* pixel, const uint32_t* stream,
                         int8_t* results) {
  uint32_t sums[kGroup] = {stream[0], stream[1], stream[2], stream[3]};
  const uint32_t* const numbers = stream + kGroup;
  stream += kNumberWords;
  int32_t taps = p.taps;
  for (; taps >= 2; taps -= 2, stream += 2, pixel += 2 * p.channels) {
    AddTaps(LoadWord(pixel), LoadWord(pixel + p.channels), stream, sums);
    Opaque(&taps);
  }
  if (taps > 0) {  // the weights of the second are zero
    AddTaps(LoadWord(pixel), 0, stream, sums);
    stream += 2;
  }
  for (int32_t i = 0; i < kGroup; ++i) {
    const uint32_t shift = numbers[2 * kGroup] >> (8 * i) & 0xff;
    results[i] = Output(sums[i], numbers + 2 * i, shift, p.is_signed);
  }
  return stream;
}

}  // namespace

extern "C" void td_depthwise_time(const DepthwiseTimeParams* params, const int8_t* input,
                                  const uint32_t* stream, int8_t* output) {
  const DepthwiseTimeParams& p = *params;
  for (int32_t position = 0; position < p.positions; ++position, input += p.step * p.channels) {
    const uint32_t* group = stream;
    for (int32_t channel = 0; channel < p.channels; channel += kGroup) {
      int8_t results[kGroup];
      group = Convolve(p, input + channel, group, results);
      const int32_t count = p.channels - channel < kGroup ? p.channels - channel : kGroup;
      output = CopyBytes(output, results, count);
    }
  }
}

}  // namespace tinydeploy
