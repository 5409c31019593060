#include "dsp/depthwise_time.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

constexpr int32_t kGroup = 4;         // channels
constexpr int32_t kNumberWords = 13;  // of a group, in front of its weights

struct Sums {
  uint32_t a, b, c, d;
};

// Two taps of four channels: the bytes of channels 0 and 1 of both in a word, those of 2 and 3 in
// another, as the weights are.
inline void AddTaps(uint32_t first, uint32_t second, const uint32_t* weights, Sums* sums) {
  const uint32_t low = (first & 0xffff) | (second << 16);
  const uint32_t high = (first >> 16) | (second & 0xffff0000u);
  const uint32_t of_low = weights[0], of_high = weights[1];
  sums->a = MultiplyAdd(Sxtb16(low), Sxtb16(of_low), sums->a);
  sums->b = MultiplyAdd(Sxtb16Odd(low), Sxtb16Odd(of_low), sums->b);
  sums->c = MultiplyAdd(Sxtb16(high), Sxtb16(of_high), sums->c);
  sums->d = MultiplyAdd(Sxtb16Odd(high), Sxtb16Odd(of_high), sums->d);
}

// One output, in a byte.
inline uint32_t Output(uint32_t sum, const uint32_t* number, uint32_t shift, bool is_signed) {
  const int32_t y = ScaleWide(sum << 8, number[0], number[1], shift, is_signed);
  return static_cast<uint8_t>(y < -128 ? -128 : y > 127 ? 127 : y);
}

// Four channels of one output, in a word; advances the stream past them.
inline uint32_t Convolve(const int8_t* pixel, int32_t taps, int32_t pixel_bytes, bool is_signed,
                         const uint32_t** stream) {
  const uint32_t* const start = *stream;
  const uint32_t* const numbers = start + kGroup;
  const uint32_t* weights = start + kNumberWords;
  Sums sums = {start[0], start[1], start[2], start[3]};
  for (; taps >= 2; taps -= 2, weights += 2, pixel += 2 * pixel_bytes) {
    AddTaps(LoadWord(pixel), LoadWord(pixel + pixel_bytes), weights, &sums);
    Opaque(&taps);
  }
  if (taps > 0) {  // the weights of the second are zero
    AddTaps(LoadWord(pixel), 0, weights, &sums);
    weights += 2;
  }
  *stream = weights;
  const uint32_t shifts = numbers[2 * kGroup];
  return Output(sums.a, numbers, shifts & 0xff, is_signed) |
         Output(sums.b, numbers + 2, shifts >> 8 & 0xff, is_signed) << 8 |
         Output(sums.c, numbers + 4, shifts >> 16 & 0xff, is_signed) << 16 |
         Output(sums.d, numbers + 6, shifts >> 24, is_signed) << 24;
}

}  // namespace

extern "C" void td_depthwise_time(const DepthwiseTimeParams* params, const int8_t* input,
                                  const uint32_t* stream, int8_t* output) {
  const DepthwiseTimeParams p = *params;
  for (int32_t position = 0; position < p.positions; ++position, input += p.step * p.channels) {
    const uint32_t* group = stream;
    for (int32_t channel = 0; channel < p.channels; channel += kGroup) {
      uint32_t word = Convolve(input + channel, p.taps, p.channels, p.is_signed, &group);
      if (channel + kGroup <= p.channels) {
        StoreWord(output, word);
        output += kGroup;
        continue;
      }
      for (int32_t i = channel; i < p.channels; ++i, word >>= 8) {
        *output++ = static_cast<int8_t>(word & 0xff);
      }
    }
  }
}

}  // namespace tinydeploy
