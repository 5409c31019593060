#include "dsp/move.h"

#include "abi/limits.h"
#include "dsp/bytes.h"

namespace tinydeploy {
namespace {

// The two innermost loops; single bytes without the set-up of a copy.
void MovePlane(const MoveParams& p, const int8_t* input, int8_t* output) {
  constexpr int kRow = limits::kMoveDims - 2, kPixel = limits::kMoveDims - 1;
  static_assert(limits::kMoveDims == 5, "td_move has three loops around these two");
  for (int32_t y = 0; y < p.counts[kRow]; ++y) {
    const int8_t* from = input + y * p.input_steps[kRow];
    int8_t* to = output + y * p.output_steps[kRow];
    for (int32_t x = 0; x < p.counts[kPixel]; ++x) {
      if (p.bytes == 1) {
        *to = *from;
      } else {
        CopyBytes(to, from, p.bytes);
      }
      from += p.input_steps[kPixel];
      to += p.output_steps[kPixel];
    }
  }
}

}  // namespace

extern "C" void td_move(const MoveParams* params, const int8_t* input, int8_t* output) {
  const MoveParams& p = *params;
  input += p.offset;
  for (int32_t a = 0; a < p.counts[0]; ++a) {
    for (int32_t b = 0; b < p.counts[1]; ++b) {
      for (int32_t c = 0; c < p.counts[2]; ++c) {
        MovePlane(p, input + a * p.input_steps[0] + b * p.input_steps[1] + c * p.input_steps[2],
                  output + a * p.output_steps[0] + b * p.output_steps[1] + c * p.output_steps[2]);
      }
    }
  }
}

}  // namespace tinydeploy
