// L2_NORMALIZATION over the last dimension.
#include <math.h>

#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/normalize/inverse_root.h"

namespace tinydeploy {
namespace {

struct L2Params {
  int32_t rows;
  int32_t depth;
  int32_t input_offset;  // -zero point
};

Status EvalFloat(const void* params, void* const* args) {
  constexpr float kSmallestNorm = 1e-6f;
  const auto& p = *static_cast<const L2Params*>(params);
  const auto* input = static_cast<const float*>(args[0]);
  auto* output = static_cast<float*>(args[1]);
  for (int32_t r = 0; r < p.rows; ++r, input += p.depth, output += p.depth) {
    float sum = 0.0f;
    for (int32_t i = 0; i < p.depth; ++i) sum += input[i] * input[i];
    const float norm = Max(sqrtf(sum), kSmallestNorm);
    for (int32_t i = 0; i < p.depth; ++i) output[i] = input[i] / norm;
  }
  return Status::kOk;
}

constexpr int kOutputBits = 7;  // the output's scale is 1/128, its zero point 0

Status EvalInt8(const void* params, void* const* args) {
  const auto& p = *static_cast<const L2Params*>(params);
  const auto* input = static_cast<const int8_t*>(args[0]);
  auto* output = static_cast<int8_t*>(args[1]);
  for (int32_t r = 0; r < p.rows; ++r, input += p.depth, output += p.depth) {
    int32_t sum = 0;
    for (int32_t i = 0; i < p.depth; ++i) {
      const int32_t real = input[i] + p.input_offset;
      sum = AddWrapping(sum, real * real);
    }
    const Multiplier inverse = InverseRootOf(sum);
    for (int32_t i = 0; i < p.depth; ++i) {
      const int32_t real = input[i] + p.input_offset;
      const int32_t scaled = Rescale(real, inverse.multiplier, inverse.shift + kOutputBits);
      output[i] = static_cast<int8_t>(Clamp<int32_t>(scaled, INT8_MIN, INT8_MAX));
    }
  }
  return Status::kOk;
}

}  // namespace

Status PrepareL2Normalization(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  const bool is_int8 = input.type == Type::kInt8;
  if ((!is_int8 && input.type != Type::kFloat32) || output.type != input.type) {
    return RefuseTypes(context);
  }
  if (context.options().get<int8_t>(0, 0) != 0) return RefuseOptions(context);
  if (input.shape.rank < 1 || input.shape.rank > 4 || input.shape != output.shape) {
    return RefuseShapes(context);
  }
  if (is_int8 && (output.scale() != 1.0f / 128.0f || output.zero_point() != 0)) {
    return RefuseQuantization(context);
  }
  auto* params = context.Params<L2Params>();
  if (params == nullptr) return kNoMemory;
  *params = {input.shape.product(0, input.shape.rank - 1), input.shape[-1], -input.zero_point()};
  context.SetEval(is_int8 ? EvalInt8 : EvalFloat);
  return Status::kOk;
}

}  // namespace tinydeploy
