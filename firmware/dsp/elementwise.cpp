#include "dsp/elementwise.h"

#include "dsp/bytes.h"
#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

constexpr int kAddShift = 20;

int32_t AddHigh(int32_t sum, int32_t factor, int32_t value) {
  const int64_t product = static_cast<int64_t>(factor) * value;
  return static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(product >> 8));
}

int8_t AddOne(const AddParams& p, int8_t a, int8_t b) {
  const int32_t sum = AddHigh(AddHigh(p.constant, p.factor_a, a), p.factor_b, b) >> kAddShift;
  return static_cast<int8_t>((sum < 0 ? 0 : sum > 255 ? 255 : sum) - 128);
}

}  // namespace

extern "C" {

#if !defined(__ARM_FEATURE_DSP)
void td_add_words(const AddParams* params, const int8_t* a, const int8_t* b, int8_t* output) {
  for (uint32_t i = 0; i < params->count / 4 * 4; ++i) output[i] = AddOne(*params, a[i], b[i]);
}
#endif

void td_add(const AddParams* params, const int8_t* a, const int8_t* b, int8_t* output) {
  td_add_words(params, a, b, output);
  for (uint32_t i = params->count / 4 * 4; i < params->count; ++i) {
    output[i] = AddOne(*params, a[i], b[i]);
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
