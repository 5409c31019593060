// Depthwise convolution 3x3, multiplier 1, int8 -> int8, NHWC, by planes.
//
// Four channels at a time are widened to int16 planes in scratch, with padding: a word holds one
// channel of two vertical neighbours (lines 2j and 2j+1), column j holds such words of one pair of
// lines from left to right, 4 channels interleaved. Two or four outputs a step with SMLAD, SMLABT
// and SMLATB. Requantization as in dot.h; the records are pack.py: pack_depthwise.
#ifndef TINYDEPLOY_DSP_DEPTHWISE_H_
#define TINYDEPLOY_DSP_DEPTHWISE_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

constexpr int32_t kDepthwiseRecordWords = 7;  // 3 of weights, start, multiplier, constant, shift

// Words of one column: every position that a kernel touches from left to right, four channels.
constexpr int32_t DepthwiseColumnWords(int32_t out_width, int32_t stride) {
  return 4 * ((out_width - 1) * stride + 3);
}

constexpr int32_t DepthwiseScratchBytes(int32_t out_width, int32_t stride, int32_t band) {
  return 4 * DepthwiseColumnWords(out_width, stride) * (band * stride + 1);
}

// What a column routine needs to know of the geometry; distances in bytes.
struct DepthwiseColumns {
  int32_t out_line, out_pixel;  // between outputs: the line below, the pixel to the right
  int32_t column;               // between columns
  int32_t blocks;               // 32 per turn of the inner loop
  int32_t count;                // columns of outputs, each two lines
  int32_t last_out_line;        // out_line of the last column; 0 if it has a single line
  int32_t odd;                  // 1: one more pixel after the blocks (stride 1)
};

// `planes` is the channel's first word, `record` its record. Outputs of `geometry->count` columns.
using DepthwiseColumn = void(const uint32_t* planes, const uint32_t* record, int8_t* out,
                             const DepthwiseColumns* geometry);

extern "C" {

DepthwiseColumn td_depthwise_positive, td_depthwise_signed;                  // stride 1
DepthwiseColumn td_depthwise_stride2_positive, td_depthwise_stride2_signed;  // stride 2

// Widens `count` pixels of two lines, four channels each, into 4 * count words of a column.
// step_a, step_b: bytes from pixel to pixel, 0 to repeat one.
uint32_t* td_expand_lines(const int8_t* a, const int8_t* b, int32_t step_a, int32_t step_b,
                          int32_t count, uint32_t* out);

// `input` may be `output` with stride 1 and equal sizes. scratch: DepthwiseScratchBytes, aligned to
// 4. `column` fits the stride. Reads up to 3 bytes past `input`.
void td_depthwise(const DepthwiseParams* params, const int8_t* input, const uint32_t* records,
                  int8_t* output, uint32_t* scratch, DepthwiseColumn* column);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_DEPTHWISE_H_
