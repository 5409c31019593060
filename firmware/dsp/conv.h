// Convolution int8 -> int8, NHWC, per-channel or per-tensor weights, on the dot products of dot.h.
//
// Input offset is folded into the bias; requantization, output offset and clamp to int8 are in the
// packed stream (pack.py: pack_conv). For a narrower clamp, left shifts beyond 6 or sums beyond
// 2^23 the host chooses conv_general.h.
#ifndef TINYDEPLOY_DSP_CONV_H_
#define TINYDEPLOY_DSP_CONV_H_

#include <stdint.h>

#include "dsp/dot.h"

namespace tinydeploy {

struct ConvParams {
  uint16_t in_height, in_width, in_channels;
  uint16_t out_height, out_width, out_channels;
  uint8_t kernel_height, kernel_width;
  uint8_t stride_height, stride_width;
  uint8_t pad_top, pad_left;
  int8_t input_zero_point;  // what the padding holds
  uint8_t copies_rows;      // 1: read rows through a ring in scratch; needed for padding, for
                            // in place, and where kernel_width * in_channels is not a multiple of 4
  uint16_t row_words;       // ceil(kernel_width * in_channels / 4)
  uint16_t batch;           // pixels gathered before they are multiplied, even, up to 16
};

struct PointwiseParams {
  uint32_t pixels;
  uint16_t in_channels, out_channels;
  uint32_t batch;  // as in ConvParams
};

// Steps (of two depths) of a patch.
constexpr int32_t ConvSteps(int32_t kernel_height, int32_t row_words) {
  return 2 * kernel_height * row_words;
}

// ring_row_bytes is 0 without copies_rows, else
// ((out_width - 1) * stride_width + kernel_width) * in_channels.
constexpr int32_t ConvScratchBytes(int32_t steps, int32_t batch, int32_t kernel_height,
                                   int32_t ring_row_bytes) {
  return 4 * steps * batch + kernel_height * ((ring_row_bytes + 3 + 3) & ~3);
}

extern "C" {

// 1x1, stride 1. `input` may be `output` if out_channels <= in_channels.
// scratch: 8 * ceil(in_channels / 4) * batch bytes, aligned to 8. Reads up to 3 bytes behind
// `input`.
void td_pointwise(const PointwiseParams* params, const int8_t* input, const uint32_t* stream,
                  int8_t* output, uint32_t* scratch, DotPairs* dot);

// Any other convolution without dilation and groups. With copies_rows, `input` may be `output` if
// no line of the output reaches behind the input lines already copied: stride 1, out_channels <=
// in_channels, out_width <= in_width, kernel_height > pad_top.
// scratch: ConvScratchBytes, aligned to 8. Reads up to 3 bytes behind `input`.
void td_conv(const ConvParams* params, const int8_t* input, const uint32_t* stream, int8_t* output,
             uint32_t* scratch, DotPairs* dot);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_CONV_H_
