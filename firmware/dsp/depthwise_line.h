// Depthwise convolution with a kernel along one axis, multiplier 1, stride 1 or 2, any dilation,
// int8 -> int8, NHWC: what networks over time are made of.
//
// A line is the input along that axis, the image a number of lines, a line with a dilation as many
// lines as that. Four channels of a line at a time are widened to a plane in scratch, with padding:
// a word holds two neighbours {2j, 2j+1} of one channel, the four channels interleaved. An output
// at an even place and the next one use the same words with two sets of weights, so that four
// outputs take as many words as one and one more. Requantization as in dot.h.
#ifndef TINYDEPLOY_DSP_DEPTHWISE_LINE_H_
#define TINYDEPLOY_DSP_DEPTHWISE_LINE_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

// Pairs of weights of a channel for a kernel of `taps`; words of them, with the numbers in front;
// words of a plane for `positions` outputs.
constexpr int32_t LinePairs(int32_t taps, int32_t stride) {
  return stride == 1 ? taps / 2 + 1 : (taps + 1) / 2;
}
constexpr int32_t LineWeightWords(int32_t pairs) { return 4 + (pairs + 1) / 2 * 4; }
constexpr int32_t LineWords(int32_t taps, int32_t stride, int32_t positions) {
  return (positions + 3) / 4 * 2 * stride + LinePairs(taps, stride);
}
constexpr int32_t DepthwiseLineScratchBytes(int32_t taps, int32_t stride, int32_t positions) {
  return 16 * (LineWords(taps, stride, positions) + LineWeightWords(LinePairs(taps, stride)));
}

// What the inner loops need for a line.
struct LineShape {
  int32_t pairs;     // of weights, at least 1
  int32_t blocks;    // of four outputs, at least 1
  int32_t last;      // outputs of the last block
  int32_t out_step;  // bytes from an output to the next
};

// plane: the channel's first word. weights: {256 times what a sum starts with, multiplier,
// constant, shift}, then `pairs` of words for outputs at even and odd places, each two int16 of 256
// times a weight.
using LineTaps = void(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                      const LineShape* shape);

extern "C" {

LineTaps td_line_positive, td_line_signed;
LineTaps td_line_stride2_positive, td_line_stride2_signed;  // weights of even places only count

// records: of each channel the words {256 * start, multiplier, constant, shift}, then its weights,
// those of each four taps as {0, 2, 1, 3} (pack.py: pack_depthwise_line). `input` may be `output`
// if their shapes are equal. scratch: DepthwiseLineScratchBytes, aligned to 4. Reads up to 3 bytes
// past `input`.
void td_depthwise_line(const DepthwiseLineParams* params, const int8_t* input,
                       const uint32_t* records, int8_t* output, uint32_t* scratch, LineTaps* taps);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_DEPTHWISE_LINE_H_
