#include "dsp/depthwise_short.h"

#include "dsp/within.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

constexpr int32_t kBlock = 4;  // elements

// Elements or outputs of a phase of a dilated line.
int32_t Share(int32_t count, int32_t phase, int32_t dilation) {
  return (count - phase + dilation - 1) / dilation;
}

ShortLine PhaseOf(const DepthwiseLineParams& p, int32_t phase) {
  const int32_t dilation = p.dilation, outputs = kBlock / p.stride;
  const int32_t length = Share(p.length, phase, dilation);
  const int32_t positions = Share(p.positions, phase, dilation);
  ShortLine line = {};
  line.step = static_cast<int32_t>(p.step) * dilation;
  line.channels = p.channels;
  line.front = ShortWindow(p.taps) - p.pad;
  TINYDEPLOY_WITHIN(line.front >= 0 && line.front <= length);
  const int32_t behind = length - line.front;
  const int32_t blocks = Min(behind / kBlock, positions / outputs);
  line.span = kBlock * blocks * line.step;
  line.rest = positions - outputs * blocks;
  line.left = behind - kBlock * blocks;
  line.padding = 0x00010001u * static_cast<uint16_t>(p.input_zero_point);
  return line;
}

}  // namespace

extern "C" void td_depthwise_short(const DepthwiseLineParams* params, const int8_t* input,
                                   const uint32_t* records, int8_t* output, ShortTaps* taps) {
  const DepthwiseLineParams& p = *params;
  for (int32_t phase = 0; phase < p.dilation && phase < p.positions; ++phase) {
    const ShortLine all = PhaseOf(p, phase);
    const int32_t first = phase * static_cast<int32_t>(p.step);
    for (int32_t i = 0; i < p.lines; ++i) {
      ShortLine line = all;
      line.input = input + first + i * static_cast<int32_t>(p.line_step);
      line.output = output + first + i * static_cast<int32_t>(p.out_line_step);
      taps(&line, records);
    }
  }
}

}  // namespace tinydeploy
