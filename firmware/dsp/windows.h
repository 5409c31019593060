// Windows of a pool, cut at the borders of its input.
#ifndef TINYDEPLOY_DSP_WINDOWS_H_
#define TINYDEPLOY_DSP_WINDOWS_H_

#include <stdint.h>

#include "dsp/bytes.h"
#include "dsp/lanes.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {

// The part of a window inside an NHWC image.
template <class Element>
struct Window {
  int32_t rows, columns;
  const Element* first;
};

inline int32_t CutWindow(int32_t* begin, int32_t kernel, int32_t size) {
  const int32_t end = Min(*begin + kernel, size);
  *begin = Max(*begin, static_cast<int32_t>(0));
  return end - *begin;
}

// Calls write(window, output) for every output pixel. Params: PoolParams8 or PoolParams16.
template <class Params, class Element, class Write>
void ForEachWindow(const Params& p, const Element* input, Element* output, Write write) {
  for (int32_t oy = 0; oy < p.out_height; ++oy) {
    for (int32_t ox = 0; ox < p.out_width; ++ox, output += p.channels) {
      int32_t y = oy * p.stride_height - p.pad_top, x = ox * p.stride_width - p.pad_left;
      Window<Element> window;
      window.rows = CutWindow(&y, p.kernel_height, p.in_height);
      window.columns = CutWindow(&x, p.kernel_width, p.in_width);
      window.first = input + (y * p.in_width + x) * p.channels;
      if (window.columns == p.in_width) {  // whole rows: one run
        window.columns *= window.rows;
        window.rows = 1;
      }
      write(window, output);
    }
  }
}

template <class Element>
uint32_t MaxLanes(uint32_t a, uint32_t b) {
  return sizeof(Element) == 1 ? MaxBytes(a, b) : MaxHalves(a, b);
}

// output = the largest of most, a and b, `count` elements each. Out of line: with the loops over
// pixels around it there would be no registers left.
template <class Element>
[[gnu::noinline]] void LargestOf(const Element* most, const Element* a, const Element* b,
                                 Element* output, int32_t count) {
  constexpr int32_t kLanes = 4 / sizeof(Element);
  for (; count >= 2 * kLanes; count -= 2 * kLanes) {
    const uint32_t a0 = LoadWord(a), a1 = LoadWord(a + kLanes);
    const uint32_t b0 = LoadWord(b), b1 = LoadWord(b + kLanes);
    const uint32_t most0 = LoadWord(most), most1 = LoadWord(most + kLanes);
    StoreWord(output, MaxLanes<Element>(MaxLanes<Element>(a0, b0), most0));
    StoreWord(output + kLanes, MaxLanes<Element>(MaxLanes<Element>(a1, b1), most1));
    a += 2 * kLanes, b += 2 * kLanes, most += 2 * kLanes, output += 2 * kLanes;
  }
  for (; count > 0; --count) *output++ = Max(Max(*a++, *b++), *most++);
}

// The largest of each window, clamped. Pixels in twos, the last one of a row alone twice. `output`
// may be `input` where no window begins before its output pixel.
template <class Params, class Element>
void MaxPool(const Params& p, const Element* input, Element* output) {
  using Limit = TypeLimit<Element>;
  const bool clamps = p.lowest > Limit::kLowest || p.highest < Limit::kHighest;
  const int32_t channels = p.channels, row_step = p.in_width * p.channels;
  ForEachWindow(p, input, output, [&](const Window<Element>& window, Element* out) {
    const Element *row = window.first, *most = row;
    for (int32_t y = 0; y < window.rows; ++y, row += row_step) {
      const Element* const last = row + (window.columns - 1) * channels;
      for (const Element* a = row; a <= last; a += 2 * channels, most = out) {
        LargestOf(most, a, a < last ? a + channels : a, out, channels);
      }
    }
    for (int32_t c = 0; clamps && c < channels; ++c) out[c] = Clamp(out[c], p.lowest, p.highest);
  });
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_WINDOWS_H_
