// Convolution int8 -> int8, NHWC, per-channel or per-tensor weights, on the dot products of dot.h.
//
// Input offset is folded into the bias; requantization, output offset and clamp to int8 are in the
// packed stream (pack.py: pack_conv). For a narrower clamp, left shifts beyond 6 or sums beyond
// 2^23 the host chooses conv_general.h.
#ifndef TINYDEPLOY_DSP_CONV_H_
#define TINYDEPLOY_DSP_CONV_H_

#include <stdint.h>

#include "abi/limits.h"
#include "abi/params.h"
#include "dsp/dot.h"

namespace tinydeploy {

// 0: where they are, without padding.
// 1: through a ring of copies with padding; the only one that works in place.
// 2: three rows of pixels with three channels as one row of pixels with nine, so that a patch of an
//    RGB image is one run of bytes instead of three with a rest each. Weights are
//    [kernel_width, 3, 3] then.
enum class RowAccess : uint8_t { kDirect, kRing, kInterleaved };

// Steps (of two depths) of a patch; `rows` is 1 when interleaved, else the kernel's height.
constexpr int32_t ConvSteps(int32_t rows, int32_t row_words) { return 2 * rows * row_words; }

// Words at the front of td_conv's scratch for pointers to the rows of a window, 8 bytes each
// everywhere; 0 while they fit on the stack.
constexpr int32_t ConvWindowWords(int32_t rows) {
  return rows > limits::kConvWindowRows ? 2 * rows : 0;
}

// ring_row_bytes is 0 without copies, else
// ((out_width - 1) * stride_width + kernel_width) * in_channels, three times that when interleaved.
constexpr int32_t ConvScratchBytes(int32_t steps, int32_t batch, int32_t rows,
                                   int32_t ring_row_bytes) {
  return 4 * (ConvWindowWords(rows) + steps * batch) + rows * ((ring_row_bytes + 3 + 3) & ~3);
}

extern "C" {

// 1x1, stride 1. `input` may be `output` if out_channels <= in_channels.
// scratch: 8 * ceil(in_channels / 4) * batch bytes, aligned to 8. Reads up to 3 bytes past
// `input`.
void td_pointwise(const PointwiseParams* params, const int8_t* input, const uint32_t* stream,
                  int8_t* output, uint32_t* scratch, DotPairs* dot);

// Any other convolution without dilation and groups. Through a ring, `input` may be `output` if
// no line of the output reaches past the input lines already copied: stride 1, out_channels <=
// in_channels, out_width <= in_width, kernel_height > pad_top.
// scratch: ConvScratchBytes, aligned to 8. Reads up to 3 bytes past `input`.
void td_conv(const ConvParams* params, const int8_t* input, const uint32_t* stream, int8_t* output,
             uint32_t* scratch, DotPairs* dot);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_CONV_H_
