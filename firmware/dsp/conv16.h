// Convolutions and fully connected layers int16 -> int16 with int8 weights, on dot16.h.
#ifndef TINYDEPLOY_DSP_CONV16_H_
#define TINYDEPLOY_DSP_CONV16_H_

#include <stdint.h>

#include "abi/params.h"
#include "dsp/dot16.h"

namespace tinydeploy {

extern "C" {

// Any convolution without dilation and groups; steps >= kernel_height * row_words. `input` may be
// `output` for 1x1 with stride 1 and out_channels <= in_channels. columns: 8 * steps * pairs bytes.
// Reads up to 2 bytes past `input`.
void td_conv16(const ConvParams16* params, const int16_t* input, const uint32_t* stream,
               int16_t* output, uint32_t* columns, DotPairs16* dot);

// stream: as DotPairs16, with ceil(depth / 2) steps. Reads up to 2 bytes past `input`.
void td_fully_connected16(const FullyConnectedParams16* params, const int16_t* input,
                          const uint32_t* stream, int16_t* output);

// One output a channel. stream: for each two channels A, B two starts, two multipliers, then for
// each row of the kernel words of two taps: {A0 A1 B0 B1}. Reads up to 2 bytes past `input`.
void td_depthwise16(const DepthwiseParams16* params, const int16_t* input, const uint32_t* stream,
                    int16_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_CONV16_H_
