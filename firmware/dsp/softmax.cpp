#include "dsp/softmax.h"

#include "dsp/within.h"
#include "kernels/common/exponential.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

constexpr int kSumBits = 12;  // integer bits of the sum
static_assert(limits::kSoftmaxDepth <= 1 << kSumBits, "what a sum holds");

// exp of a number that far below the row's largest.
int32_t At(const int32_t* exponentials, int32_t below, int32_t last) {
  return exponentials[Min(below, last)];
}

void Row(const int8_t* input, int32_t depth, const int32_t* exponentials, int32_t last,
         int8_t* output) {
  int32_t largest = input[0];
  for (int32_t i = 1; i < depth; ++i) largest = Max(largest, static_cast<int32_t>(input[i]));
  int32_t sum = 0;
  for (int32_t i = 0; i < depth; ++i) {
    const int32_t exponential = At(exponentials, largest - input[i], last);
    sum = AddWrapping(sum, RoundingShiftRight(exponential, kSumBits));
  }
  const Reciprocal scale = ReciprocalOf(sum, kSumBits);
  const int shift = Clamp(static_cast<int>(scale.bits_over_unit) + 31 - 8, 0, 31);
  for (int32_t i = 0; i < depth; ++i) {
    const int32_t exponential = At(exponentials, largest - input[i], last);
    const int32_t product = RoundingDoublingHighMul(scale.mantissa, exponential);
    const int32_t value = RoundingShiftRight(product, shift) - 128;
    output[i] = static_cast<int8_t>(Min(value, static_cast<int32_t>(127)));
  }
}

}  // namespace

extern "C" void td_softmax(const SoftmaxRows* params, const int8_t* input,
                           const int32_t* exponentials, int8_t* output) {
  const auto depth = static_cast<int32_t>(params->depth);
  const auto last = static_cast<int32_t>(params->entries) - 1;
  TINYDEPLOY_WITHIN(depth <= limits::kSoftmaxDepth);
  for (uint32_t r = 0; r < params->rows; ++r, input += depth, output += depth) {
    Row(input, depth, exponentials, last, output);
  }
}

}  // namespace tinydeploy
