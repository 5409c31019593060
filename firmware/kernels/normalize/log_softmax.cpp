// LOG_SOFTMAX over the last dimension.
#include <math.h>

#include "kernels/common/exponential.h"
#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/normalize/logarithm.h"

namespace tinydeploy {
namespace {

constexpr int kDifferenceBits = 5;  // integer bits
constexpr int kSumBits = 12;        // integer bits: rows of up to 4096 elements
constexpr int kOutputBits = 4;      // integer bits: the output's scale is 16/256

struct LogSoftmaxParams {
  int32_t rows;
  int32_t depth;
  Multiplier input_scale;  // differences to fixed point; left shift
  Multiplier to_steps;     // and back to the input's steps
  int32_t lowest_difference;
};

template <class T>
T Largest(const T* row, int32_t depth) {
  T largest = row[0];
  for (int32_t i = 1; i < depth; ++i) largest = Max(largest, row[i]);
  return largest;
}

Status EvalFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const LogSoftmaxParams*>(params);
  const auto* input = static_cast<const float*>(args[0]);
  auto* output = static_cast<float*>(args[1]);
  for (int32_t r = 0; r < p.rows && p.depth > 0; ++r, input += p.depth, output += p.depth) {
    const float largest = Largest(input, p.depth);
    float sum = 0.0f;
    for (int32_t i = 0; i < p.depth; ++i) sum += expf(input[i] - largest);
    const float log_of_sum = logf(sum);
    for (int32_t i = 0; i < p.depth; ++i) output[i] = input[i] - largest - log_of_sum;
  }
  return Status::kOk;
}

int32_t ToFixed(const LogSoftmaxParams& p, int32_t difference) {
  return RoundingDoublingHighMul(ShiftLeft(difference, p.input_scale.shift),
                                 p.input_scale.multiplier);
}

int32_t LogOfSum(const LogSoftmaxParams& p, const int8_t* row, int32_t largest) {
  int32_t sum = 0;
  for (int32_t i = 0; i < p.depth; ++i) {
    const int32_t difference = row[i] - largest;
    if (difference < p.lowest_difference) continue;
    const int32_t e = ExpOfNegative(ToFixed(p, difference), kDifferenceBits);
    sum = AddWrapping(sum, RoundingShiftRight(e, kSumBits));
  }
  return LogOfAtLeastOne(sum, kSumBits, kDifferenceBits);
}

Status EvalInt8(const void* params, void* const* args) {
  const auto& p = *static_cast<const LogSoftmaxParams*>(params);
  const auto* input = static_cast<const int8_t*>(args[0]);
  auto* output = static_cast<int8_t*>(args[1]);
  for (int32_t r = 0; r < p.rows && p.depth > 0; ++r, input += p.depth, output += p.depth) {
    const int32_t largest = Largest(input, p.depth);
    const int32_t log_of_sum = LogOfSum(p, input, largest);
    // Differences from here on do not overflow when the logarithm is taken off.
    const int32_t reach = Rescale(AddWrapping(log_of_sum, INT32_MIN), p.to_steps);
    const int32_t lowest = Max(p.lowest_difference - 1, reach);
    for (int32_t i = 0; i < p.depth; ++i) {
      const int32_t difference = input[i] - largest;
      int32_t value = INT8_MIN;
      if (difference > lowest) {
        const int32_t fixed = SubWrapping(ToFixed(p, difference), log_of_sum);
        value = RoundingShiftRight(fixed, 31 - kDifferenceBits - (8 - kOutputBits)) + INT8_MAX;
      }
      output[i] = static_cast<int8_t>(Clamp<int32_t>(value, INT8_MIN, INT8_MAX));
    }
  }
  return Status::kOk;
}

bool FillInt8(float scale, LogSoftmaxParams* params) {
  constexpr double kLimit = 2147483647.0;
  const double real = static_cast<double>(scale) * (1 << (31 - kDifferenceBits));
  if (!(real > 0.0)) return false;
  int shift;
  const double fraction = Frexp(real < kLimit ? real : kLimit, &shift);
  int64_t fixed = static_cast<int64_t>(fraction * 2147483648.0 + 0.5);
  if (fixed == (static_cast<int64_t>(1) << 31)) {
    fixed /= 2;
    ++shift;
  }
  if (shift < 0 || shift > 31) return false;  // 31: all but the largest are too far off
  params->input_scale = {static_cast<int32_t>(fixed), shift};
  const int64_t reach = static_cast<int64_t>((1 << kDifferenceBits) - 1) << (31 - kDifferenceBits);
  params->lowest_difference = -static_cast<int32_t>(reach >> shift);
  const double back = static_cast<double>(1u << (31 - shift)) / static_cast<double>(fixed);
  return QuantizeMultiplier(back, &params->to_steps);
}

}  // namespace

Status PrepareLogSoftmax(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  const bool is_int8 = input.type == Type::kInt8;
  if ((!is_int8 && input.type != Type::kFloat32) || output.type != input.type) {
    return RefuseTypes(context);
  }
  if (input.shape != output.shape || input.shape.rank < 1) return RefuseShapes(context);
  auto* params = context.Params<LogSoftmaxParams>();
  if (params == nullptr) return kNoMemory;
  params->depth = input.shape[-1];
  params->rows = input.shape.product(0, input.shape.rank - 1);
  context.SetEval(is_int8 ? EvalInt8 : EvalFloat);
  if (!is_int8) return Status::kOk;
  const bool sound = output.scale() == 16.0f / 256.0f && output.zero_point() == INT8_MAX &&
                     FillInt8(input.scale(), params);
  return sound ? Status::kOk : RefuseQuantization(context);
}

}  // namespace tinydeploy
