#include <math.h>

#include "kernels/common/exponential.h"
#include "kernels/softmax/softmax.h"

namespace tinydeploy {
namespace {

constexpr int kDifferenceBits = 5;  // integer bits
constexpr int kSumBits = 12;        // integer bits: rows of up to 4096 elements

template <class T>
T Largest(const T* row, int32_t depth) {
  T largest = row[0];
  for (int32_t i = 1; i < depth; ++i) largest = Max(largest, row[i]);
  return largest;
}

// exp(beta * scale * difference), no integer bits.
int32_t Exp(const SoftmaxParams& p, int32_t difference) {
  const int32_t scaled =
      RoundingDoublingHighMul(ShiftLeft(difference, p.input_scale.shift), p.input_scale.multiplier);
  return ExpOfNegative(scaled, kDifferenceBits);
}

template <class Output>
void Row(const SoftmaxParams& p, const int8_t* input, Output* output, int32_t lowest,
         int32_t highest) {
  const int32_t largest = Largest(input, p.depth);
  int32_t sum = 0;
  for (int32_t i = 0; i < p.depth; ++i) {
    const int32_t difference = input[i] - largest;
    if (difference < p.lowest_difference) continue;
    sum = AddWrapping(sum, RoundingShiftRight(Exp(p, difference), kSumBits));
  }
  const Reciprocal scale = ReciprocalOf(sum, kSumBits);
  const int shift =
      Clamp<int>(scale.bits_over_unit + 31 - static_cast<int>(8 * sizeof(Output)), 0, 31);
  for (int32_t i = 0; i < p.depth; ++i) {
    const int32_t difference = input[i] - largest;
    int32_t value = lowest;
    if (difference >= p.lowest_difference) {
      const int32_t product = RoundingDoublingHighMul(scale.mantissa, Exp(p, difference));
      value = Clamp(AddWrapping(RoundingShiftRight(product, shift), lowest), lowest, highest);
    }
    output[i] = static_cast<Output>(value);
  }
}

template <class Output>
Status EvalQuantized(const void* params, void* const* args, int32_t lowest, int32_t highest) {
  const auto& p = *static_cast<const SoftmaxParams*>(params);
  const auto* input = static_cast<const int8_t*>(args[0]);
  auto* output = static_cast<Output*>(args[1]);
  if (p.depth == 0) return Status::kOk;
  for (int32_t r = 0; r < p.rows; ++r) {
    Row(p, input + r * p.depth, output + r * p.depth, lowest, highest);
  }
  return Status::kOk;
}

}  // namespace

Status EvalSoftmaxInt8(const void* params, void* const* args) {
  return EvalQuantized<int8_t>(params, args, INT8_MIN, INT8_MAX);
}

Status EvalSoftmaxInt8ToInt16(const void* params, void* const* args) {
  return EvalQuantized<int16_t>(params, args, INT16_MIN, INT16_MAX);
}

Status EvalSoftmaxFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const SoftmaxParams*>(params);
  const auto* input = static_cast<const float*>(args[0]);
  auto* output = static_cast<float*>(args[1]);
  for (int32_t r = 0; r < p.rows && p.depth > 0; ++r, input += p.depth, output += p.depth) {
    const float largest = Largest(input, p.depth);
    float sum = 0.0f;
    for (int32_t i = 0; i < p.depth; ++i) {
      output[i] = expf((input[i] - largest) * p.beta);
      sum += output[i];
    }
    for (int32_t i = 0; i < p.depth; ++i) output[i] /= sum;
  }
  return Status::kOk;
}

}  // namespace tinydeploy
