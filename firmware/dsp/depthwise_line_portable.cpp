// Bodies of depthwise_line.h in C++: those of stride 2 for all, the others for cores without DSP.
#include "dsp/depthwise_line.h"
#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

constexpr int32_t kGroup = 4, kBlock = 4, kNumberWords = 4;

int32_t Outputs(const LineShape& s) { return kBlock * (s.blocks - 1) + s.last; }

// `numbers`: {start, multiplier, constant, shift}
template <bool kSigned>
int8_t Scaled(uint32_t sum, const uint32_t* numbers) {
  const int32_t y = ScaleWide(sum, numbers[1], numbers[2], numbers[3], kSigned);
  return static_cast<int8_t>(y < -128 ? -128 : y > 127 ? 127 : y);
}

// Outputs at even places only, two at a time.
template <bool kSigned>
void EvenPlaces(const uint32_t* plane, const uint32_t* numbers, int8_t* out, const LineShape& s) {
  for (int32_t left = Outputs(s); left > 0; left -= 2, plane += 2 * kGroup) {
    const uint32_t *x = plane, *w = numbers + kNumberWords;
    uint32_t first = numbers[0], second = first, a = *x;
    for (int32_t i = 0; i < s.pairs; ++i, w += 2) {
      x += kGroup;
      const uint32_t b = *x;
      first = MultiplyAdd(a, *w, first);
      second = MultiplyAdd(b, *w, second);
      a = b;
    }
    out[0] = Scaled<kSigned>(first, numbers);
    if (left > 1) out[s.out_step] = Scaled<kSigned>(second, numbers);
    out += 2 * s.out_step;
  }
}

#if !defined(__ARM_FEATURE_DSP)
template <bool kSigned>
void EveryPlace(const uint32_t* plane, const uint32_t* numbers, int8_t* out, const LineShape& s) {
  const uint32_t* const weights = numbers + kNumberWords;
  for (int32_t place = 0; place < Outputs(s); ++place, out += s.out_step) {
    const uint32_t* x = plane + kGroup * (place / 2);
    uint32_t sum = numbers[0];
    for (int32_t i = 0; i < s.pairs; ++i) {
      sum = MultiplyAdd(x[kGroup * i], weights[2 * i + place % 2], sum);
    }
    *out = Scaled<kSigned>(sum, numbers);
  }
}
#endif

}  // namespace

extern "C" {

void td_line_stride2_positive(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                              const LineShape* shape) {
  EvenPlaces<false>(plane, weights, out, *shape);
}

void td_line_stride2_signed(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                            const LineShape* shape) {
  EvenPlaces<true>(plane, weights, out, *shape);
}

#if !defined(__ARM_FEATURE_DSP)
void td_line_positive(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                      const LineShape* shape) {
  EveryPlace<false>(plane, weights, out, *shape);
}

void td_line_signed(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                    const LineShape* shape) {
  EveryPlace<true>(plane, weights, out, *shape);
}
#endif

}  // extern "C"
}  // namespace tinydeploy
