// Convolutions and fully connected layers int16 -> int16 with int8 weights, on dot16.h.
#ifndef TINYDEPLOY_DSP_CONV16_H_
#define TINYDEPLOY_DSP_CONV16_H_

#include <stdint.h>

#include "dsp/dot16.h"

namespace tinydeploy {

struct ConvParams16 {
  uint16_t in_height, in_width, in_channels;
  uint16_t out_height, out_width, out_channels;
  uint8_t kernel_height, kernel_width;
  uint8_t stride_height, stride_width;
  uint8_t pad_top, pad_left;
  uint8_t left;   // see DotShape16
  uint8_t pairs;  // of pixels gathered before they are multiplied
  uint16_t steps;
  uint16_t row_words;       // ceil(elements of a patch in a row / 2)
  int16_t lowest, highest;  // for td_dot16_clamped
};

struct FullyConnectedParams16 {
  uint16_t batches, depth, units;
  uint8_t left;
  int16_t lowest, highest;
};

struct DepthwiseParams16 {
  uint16_t in_height, in_width, channels;
  uint16_t out_height, out_width;
  uint8_t kernel_height, kernel_width;
  uint8_t stride_height, stride_width;
  uint8_t pad_top, pad_left;
  uint8_t left;
  int16_t lowest, highest;
};

extern "C" {

// Any convolution without dilation and groups; steps >= kernel_height * row_words. `input` may be
// `output` for 1x1 with stride 1 and out_channels <= in_channels. columns: 8 * steps * pairs bytes.
// Reads up to 2 bytes behind `input`.
void td_conv16(const ConvParams16* params, const int16_t* input, const uint32_t* stream,
               int16_t* output, uint32_t* columns, DotPairs16* dot);

// stream: as DotPairs16, with ceil(depth / 2) steps. Reads up to 2 bytes behind `input`.
void td_fully_connected16(const FullyConnectedParams16* params, const int16_t* input,
                          const uint32_t* stream, int16_t* output);

// One output a channel. stream: for each two channels A, B two starts, two multipliers, then for
// each row of the kernel words of two taps: {A0 A1 B0 B1}. Reads up to 2 bytes behind `input`.
void td_depthwise16(const DepthwiseParams16* params, const int16_t* input, const uint32_t* stream,
                    int16_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_CONV16_H_
