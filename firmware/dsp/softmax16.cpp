#include "dsp/softmax16.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"
#include "dsp/within.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

// The curve at x in [-32768, 32767], which stands for its whole range.
int32_t At(const int16_t* curve, int32_t x) {
  const uint32_t ends = LoadWord(curve + limits::kCurvePieces / 2 + (x >> 7));  // of the piece
  const int32_t slope = static_cast<int16_t>(Top(ends) - Bottom(ends));
  return static_cast<int16_t>(Bottom(ends) + ((slope * (x & 0x7f) + 64) >> 7));
}

// Exponentials of a row into `output`; returns their sum, at least 2^14 by the largest's.
int32_t Exponentials(const SoftmaxParams16& p, const int16_t* input, const int16_t* curve,
                     int16_t* output) {
  const auto depth = static_cast<int32_t>(p.depth);
  int32_t largest = input[0], sum = 0;
  for (int32_t i = 1; i < depth; ++i) largest = Max<int32_t>(largest, input[i]);
  for (int32_t i = 0; i < depth; ++i) {
    const int32_t below = ShiftLeft(input[i] - largest, p.up);
    const int32_t x = MultiplyHighAdd(below, p.multiplier, p.nudge) >> p.down;
    const int32_t value = At(curve, Saturated16(x + INT16_MAX));
    output[i] = static_cast<int16_t>(value);
    sum += value;
  }
  return sum;
}

}  // namespace

extern "C" void td_softmax16(const SoftmaxParams16* params, const int16_t* input,
                             const int16_t* exponential, const int16_t* reciprocal,
                             int16_t* output) {
  const auto depth = static_cast<int32_t>(params->depth);
  TINYDEPLOY_WITHIN(depth <= limits::kAddends16);
  for (uint32_t r = 0; r < params->rows; ++r, input += depth, output += depth) {
    const int32_t sum = Exponentials(*params, input, exponential, output);
    // sum = (1 + x) * 2^(30 - headroom); x from [0, 1) goes to all of int16.
    const int headroom = __builtin_clz(static_cast<uint32_t>(sum)) - 1;
    const uint32_t rounded = ((static_cast<uint32_t>(sum) << headroom) + (1 << 13)) >> 14;
    const int32_t x = static_cast<int32_t>(rounded) - (1 << 16) - (1 << 15);
    const int32_t scale = At(reciprocal, Saturated16(x));
    const int shift = 30 - headroom;
    const int32_t half = 1 << (shift - 1);
    for (int32_t i = 0; i < depth; ++i) {
      const int32_t value = (output[i] * scale + half) >> shift;
      output[i] = static_cast<int16_t>(Clamp<int32_t>(value, 0, INT16_MAX));
    }
  }
}

}  // namespace tinydeploy
