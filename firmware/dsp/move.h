// Bytes from one arrangement into another: slices, padding, transposition, stacking.
#ifndef TINYDEPLOY_DSP_MOVE_H_
#define TINYDEPLOY_DSP_MOVE_H_

#include <stdint.h>

namespace tinydeploy {

constexpr int kMoveDims = 5;

// For every index below `counts`, outermost first, a run of `bytes` goes from
// input + offset + sum(index * input_steps) to output + sum(index * output_steps).
struct MoveParams {
  int32_t offset, bytes;
  int32_t counts[kMoveDims], input_steps[kMoveDims], output_steps[kMoveDims];
};

extern "C" {

// Input and output don't overlap.
void td_move(const MoveParams* params, const int8_t* input, int8_t* output);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_MOVE_H_
