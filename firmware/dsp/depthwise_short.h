// Depthwise convolution with up to nine taps along one axis, multiplier 1, stride 1 or 2, any
// dilation, int8 -> int8, NHWC: where depthwise_line.h would spend its time on setting out.
//
// A channel of a line is read byte by byte, its window kept in registers as pairs of neighbours
// {2j, 2j + 1}; nothing is widened beforehand, there is no scratch.
//
// Requantization is TFLM's own, both roundings, whatever the sums are: of a = 2 * sum
//   x = (a * multiplier + 2^31) >> 32     (SMMLAR; MultiplyByQuantizedMultiplier's first rounding)
//   signed:    y = (x + constant - (a < 0)) >> shift
//   positive:  without the second term: no value below the offset survives the clamp
// with half a unit of the output in `constant` (exactness.py: plain_scaling).
#ifndef TINYDEPLOY_DSP_DEPTHWISE_SHORT_H_
#define TINYDEPLOY_DSP_DEPTHWISE_SHORT_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

// A line, or one phase of a dilated one. The taps count it down: it is theirs.
struct ShortLine {
  const int8_t* input;
  int32_t step;  // bytes from an element to the next, of input and output
  int8_t* output;
  int32_t channels;
  int32_t front;     // elements of the first window that are not padding; the line has as many
  int32_t span;      // bytes from the element after it to the end of whole blocks of four
  int32_t rest;      // outputs after the blocks
  int32_t left;      // elements for them, trailing padding
  uint32_t padding;  // twice, as two int16
};

// Elements of a window but its last, of a body for `taps`.
constexpr int32_t ShortWindow(int32_t taps) { return taps <= 3 ? 2 : taps <= 5 ? 4 : 8; }

// All channels of a line. records: of each channel {multiplier, constant}, pairs of doubled
// weights, {doubled start, shift}. The pairs are {0 1} {1 2} of three taps, {0 1} {2 3} {1 2} {3 4}
// of five, and so on of nine; fewer are filled up with zeros.
using ShortTaps = void(ShortLine* line, const uint32_t* records);

extern "C" {

ShortTaps td_short_three_positive, td_short_three_signed;
ShortTaps td_short_three_stride2_positive, td_short_three_stride2_signed;
ShortTaps td_short_five_positive, td_short_five_signed;
ShortTaps td_short_five_stride2_positive, td_short_five_stride2_signed;
ShortTaps td_short_nine_positive, td_short_nine_signed;
ShortTaps td_short_nine_stride2_positive, td_short_nine_stride2_signed;

// `step` and `out_step` are equal; each phase has at least 2 elements for three taps, 4 for five, 8
// for nine. `input` may be `output` if their shapes are equal.
void td_depthwise_short(const DepthwiseLineParams* params, const int8_t* input,
                        const uint32_t* records, int8_t* output, ShortTaps* taps);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_DEPTHWISE_SHORT_H_
