// Fully connected int8 -> int8 on the dot products of dot.h; the stream is pack.py: pack_dense.
#ifndef TINYDEPLOY_DSP_FULLY_CONNECTED_H_
#define TINYDEPLOY_DSP_FULLY_CONNECTED_H_

#include <stdint.h>

#include "abi/params.h"
#include "dsp/dot.h"

namespace tinydeploy {

extern "C" {

// input [batches, depth], output [batches, units]. scratch: 8 * ceil(depth / 4) bytes, aligned
// to 4. Reads up to 3 bytes past `input`. With one batch `input` may overlap `output` in any way.
void td_fully_connected(const FullyConnectedParams* params, const int8_t* input,
                        const uint32_t* stream, int8_t* output, uint32_t* scratch, DotOne* dot);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_FULLY_CONNECTED_H_
