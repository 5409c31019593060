#include "dsp/binary.h"

#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

// output[i] = combine(a[i], b[i % period])
template <class Combine>
void ForEach(const BinaryParams& p, const int8_t* a, const int8_t* b, int8_t* output,
             Combine combine) {
  for (const int8_t* const end = a + p.count; a < end;) {
    for (uint32_t i = 0; i < p.period; ++i) *output++ = combine(*a++, b[i]);
  }
}

int8_t Narrow(const BinaryParams& p, int32_t value) {
  return static_cast<int8_t>(Clamp(value + p.output_zero_point, static_cast<int32_t>(p.lowest),
                                   static_cast<int32_t>(p.highest)));
}

}  // namespace

extern "C" {

void td_add_terms(const BinaryParams* params, const int8_t* a, const int8_t* b,
                  const int32_t* terms_a, const int32_t* terms_b, int8_t* output) {
  const BinaryParams p = *params;
  const int32_t down = -p.shift, half = 1 << (down - 1);
  ForEach(p, a, b, output, [&](int8_t x, int8_t y) {
    const int32_t sum = terms_a[static_cast<uint8_t>(x)] + terms_b[static_cast<uint8_t>(y)];
    // RoundingDoublingHighMul and RoundingShiftRight without their special cases.
    const int64_t product = static_cast<int64_t>(sum) * p.multiplier;
    const auto high = static_cast<int32_t>((product + (1 << 30)) >> 31);
    return Narrow(p, (high + half + (high >> 31)) >> down);
  });
}

void td_multiply(const BinaryParams* params, const int8_t* a, const int8_t* b, int8_t* output) {
  const BinaryParams p = *params;
  ForEach(p, a, b, output, [&](int8_t x, int8_t y) {
    const int32_t product = (x - p.zero_point_a) * (y - p.zero_point_b);
    return Narrow(p, Rescale(product, p.multiplier, p.shift));
  });
}

void td_maximum(const BinaryParams* params, const int8_t* a, const int8_t* b, int8_t* output) {
  ForEach(*params, a, b, output, [](int8_t x, int8_t y) { return Max(x, y); });
}

void td_minimum(const BinaryParams* params, const int8_t* a, const int8_t* b, int8_t* output) {
  ForEach(*params, a, b, output, [](int8_t x, int8_t y) { return Min(x, y); });
}

}  // extern "C"
}  // namespace tinydeploy
