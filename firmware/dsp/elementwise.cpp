#include "dsp/elementwise.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

constexpr uint32_t kOddBytes = 0xff00ff00;  // int8 times 256 in 16-bit lanes
constexpr int kAddShift = 22;

uint32_t AddFour(const AddParams& p, uint32_t a, uint32_t b) {
  const uint32_t a_odd = a & kOddBytes, a_even = (a << 8) & kOddBytes;
  const uint32_t b_odd = b & kOddBytes, b_even = (b << 8) & kOddBytes;
  const int32_t fa = p.factor_a, fb = p.factor_b, c = p.constant;
  const int32_t s0 = AddScaledBottom(AddScaledBottom(c, fa, a_even), fb, b_even);
  const int32_t s1 = AddScaledBottom(AddScaledBottom(c, fa, a_odd), fb, b_odd);
  const int32_t s2 = AddScaledTop(AddScaledTop(c, fa, a_even), fb, b_even);
  const int32_t s3 = AddScaledTop(AddScaledTop(c, fa, a_odd), fb, b_odd);
  const uint32_t even = ShiftToByte<kAddShift>(s0) | ShiftToByte<kAddShift>(s2) << 16;
  const uint32_t odd = ShiftToByte<kAddShift>(s1) | ShiftToByte<kAddShift>(s3) << 16;
  return (even | odd << 8) ^ 0x80808080;
}

}  // namespace

extern "C" {

void td_add(const AddParams* params, const int8_t* a, const int8_t* b, int8_t* output) {
  const AddParams p = *params;
  uint32_t i = 0;
  for (; i + 8 <= p.count; i += 8) {
    const uint32_t a0 = LoadWord(a + i), a1 = LoadWord(a + i + 4);
    const uint32_t b0 = LoadWord(b + i), b1 = LoadWord(b + i + 4);
    StoreWord(output + i, AddFour(p, a0, b0));
    StoreWord(output + i + 4, AddFour(p, a1, b1));
  }
  for (; i < p.count; ++i) {
    const auto byte_a = static_cast<uint8_t>(a[i]), byte_b = static_cast<uint8_t>(b[i]);
    output[i] = static_cast<int8_t>(AddFour(p, byte_a, byte_b) & 0xff);
  }
}

void td_lookup(const uint32_t* count, const int8_t* input, const int8_t* table, int8_t* output) {
  const uint32_t n = *count;
  uint32_t i = 0;
  for (; i + 4 <= n; i += 4) {
    const uint32_t word = LoadWord(input + i);
    const int8_t a = table[word & 0xff], b = table[(word >> 8) & 0xff];
    const int8_t c = table[(word >> 16) & 0xff], d = table[word >> 24];
    output[i] = a, output[i + 1] = b, output[i + 2] = c, output[i + 3] = d;
  }
  for (; i < n; ++i) output[i] = table[static_cast<uint8_t>(input[i])];
}

}  // extern "C"
}  // namespace tinydeploy
