// ExponentialAverage: output += share * (input - output), from inference to inference, such as of
// a classifier's scores. The first input is taken as it is. TFLM has no such operator.
#include "kernels/common/fixed_point.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "runtime/flexbuffer.h"

namespace tinydeploy {
namespace {

constexpr int kFractionBits = 15;  // of the share and of integer averages
constexpr int32_t kHalf = 1 << (kFractionBits - 1);

constexpr int32_t kMostElements = 1 << 28;  // their averages are counted in 32 bits

struct AverageParams {
  int32_t count;
  int32_t share;  // (0, 1] in 2^-15
  float float_share;
};

// Followed by `count` averages: int32 with kFractionBits behind the point, or float.
struct AverageState {
  int32_t started;
};

template <class T>
Status EvalInteger(const void* params, void* const* args) {
  const auto& p = *static_cast<const AverageParams*>(params);
  const auto* input = static_cast<const T*>(args[0]);
  auto* output = static_cast<T*>(args[1]);
  auto* state = static_cast<AverageState*>(args[2]);
  auto* averages = reinterpret_cast<int32_t*>(state + 1);
  const int64_t share = state->started ? p.share : 1 << kFractionBits;
  state->started = 1;
  for (int32_t i = 0; i < p.count; ++i) {
    const int64_t step = static_cast<int64_t>(input[i]) * (1 << kFractionBits) - averages[i];
    averages[i] += static_cast<int32_t>((step * share + kHalf) >> kFractionBits);
    output[i] = static_cast<T>((averages[i] + kHalf) >> kFractionBits);
  }
  return Status::kOk;
}

Status EvalFloat(const void* params, void* const* args) {
  const auto& p = *static_cast<const AverageParams*>(params);
  const auto* input = static_cast<const float*>(args[0]);
  auto* output = static_cast<float*>(args[1]);
  auto* state = static_cast<AverageState*>(args[2]);
  auto* averages = reinterpret_cast<float*>(state + 1);
  for (int32_t i = 0; i < p.count; ++i) {
    averages[i] =
        state->started ? averages[i] + p.float_share * (input[i] - averages[i]) : input[i];
    output[i] = averages[i];
  }
  state->started = 1;
  return Status::kOk;
}

EvalFn EvalOf(Type type) {
  if (type == Type::kInt8) return EvalInteger<int8_t>;
  if (type == Type::kInt16) return EvalInteger<int16_t>;
  return type == Type::kFloat32 ? EvalFloat : nullptr;
}

}  // namespace

Status PrepareExponentialAverage(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  const EvalFn eval = EvalOf(input.type);
  if (eval == nullptr || output.type != input.type) return RefuseTypes(context);
  const int32_t count = input.shape.elements();
  if (count != output.shape.elements() || count > kMostElements) return RefuseShapes(context);
  const bool scaled = input.type != Type::kFloat32;
  if (scaled && (input.scale() != output.scale() || input.zero_point() != output.zero_point())) {
    return RefuseQuantization(context);
  }
  const float share = FlexMap(context.custom_options()).real("share", 0.0f);
  if (!(share >= 1.0f / (1 << kFractionBits) && share <= 1.0f)) return RefuseOptions(context);
  auto* params = context.Params<AverageParams>();
  if (params == nullptr) return kNoMemory;
  *params = {count, static_cast<int32_t>(share * (1 << kFractionBits) + 0.5f), share};
  context.SetEval(eval);
  return context.State(static_cast<uint32_t>(sizeof(AverageState)) +
                       static_cast<uint32_t>(count) * 4);
}

}  // namespace tinydeploy
