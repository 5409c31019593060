#include "dsp/binary.h"

#include "dsp/lanes.h"
#include "dsp/within.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

// output[i] = combine(a[i], b[i]). Out of line: with the loop over periods around it there would be
// too few registers.
template <class Combine>
[[gnu::noinline]] void ForEachOf(Combine combine, const int8_t* a, const int8_t* b, int8_t* output,
                                 uint32_t count) {
  for (const int8_t* const end = output + count; output < end;) *output++ = combine(*a++, *b++);
}

// output[i] = combine(a[i], b[i % period])
template <class Combine>
void ForEach(const BinaryParams& p, const int8_t* a, const int8_t* b, int8_t* output,
             const Combine& combine) {
  const uint32_t period = p.period;
  for (const int8_t* const end = a + p.count; a < end; a += period, output += period) {
    ForEachOf(combine, a, b, output, period);
  }
}

// A sum or product on the output's scale: Rescale without its special cases.
class Scaler {
 public:
  explicit Scaler(const BinaryParams& p)
      : multiplier_(p.multiplier),
        half_(1 << (-p.shift - 1)),
        down_(-p.shift),
        zero_point_(p.output_zero_point),
        lowest_(p.lowest),
        highest_(p.highest) {}

  // |x| < 2^29. Halves of the second rounding go away from zero; where the first makes it 0, the
  // sign does not matter.
  int8_t operator()(int32_t x) const {
    const int32_t scaled = (MultiplyHighAdd(2 * x, multiplier_, half_) + (x >> 31)) >> down_;
    return static_cast<int8_t>(Clamp(scaled + zero_point_, lowest_, highest_));
  }

 private:
  int32_t multiplier_, half_, down_, zero_point_, lowest_, highest_;
};

}  // namespace

extern "C" {

void td_add_terms(const BinaryParams* params, const int8_t* a, const int8_t* b,
                  const int32_t* terms_a, const int32_t* terms_b, int8_t* output) {
  TINYDEPLOY_WITHIN(params->shift >= -31 && params->shift <= -1);
  const Scaler scaled(*params);
  ForEach(*params, a, b, output, [=](int8_t x, int8_t y) {
    return scaled(terms_a[static_cast<uint8_t>(x)] + terms_b[static_cast<uint8_t>(y)]);
  });
}

void td_multiply(const BinaryParams* params, const int8_t* a, const int8_t* b, int8_t* output) {
  const BinaryParams p = *params;
  const int32_t zero_a = p.zero_point_a, zero_b = p.zero_point_b;
  if (p.shift < 0) {
    const Scaler scaled(p);
    ForEach(p, a, b, output,
            [=](int8_t x, int8_t y) { return scaled((x - zero_a) * (y - zero_b)); });
    return;
  }
  ForEach(p, a, b, output, [&](int8_t x, int8_t y) {
    const int32_t value = Rescale((x - zero_a) * (y - zero_b), p.multiplier, p.shift);
    return static_cast<int8_t>(Clamp<int32_t>(value + p.output_zero_point, p.lowest, p.highest));
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
