// Bytes from one arrangement into another: slices, padding, transposition, stacking.
#ifndef TINYDEPLOY_DSP_MOVE_H_
#define TINYDEPLOY_DSP_MOVE_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

extern "C" {

// Input and output don't overlap.
void td_move(const MoveParams* params, const int8_t* input, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_MOVE_H_
