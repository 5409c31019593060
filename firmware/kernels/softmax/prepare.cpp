#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/softmax/softmax.h"

namespace tinydeploy {
namespace {

namespace option {
enum : int { kBeta };
}
constexpr int kIntegerBits = 5;  // differences down to -32, where exp is 0 in 8 or 16 bits

EvalFn ChooseEval(Type input, Type output) {
  if (input == Type::kFloat32 && output == input) return EvalSoftmaxFloat;
  if (input == Type::kInt8 && output == Type::kInt8) return EvalSoftmaxInt8;
  if (input == Type::kInt8 && output == Type::kInt16) return EvalSoftmaxInt8ToInt16;
  if (input == Type::kInt16 && output == input) return EvalSoftmaxInt16;
  return nullptr;
}

bool PrepareInt8(float beta, float scale, SoftmaxParams* params) {
  constexpr double kLimit = 2147483647.0;
  const double real = static_cast<double>(beta) * scale * (1 << (31 - kIntegerBits));
  if (!QuantizeMultiplier(0.0, &params->input_scale) || !(real > 0.0)) return false;
  int shift;
  const double fraction = Frexp(real < kLimit ? real : kLimit, &shift);
  int64_t fixed = static_cast<int64_t>(fraction * 2147483648.0 + 0.5);
  if (fixed == (static_cast<int64_t>(1) << 31)) {
    fixed /= 2;
    ++shift;
  }
  if (shift < 0 || shift > 31) return false;
  params->input_scale = {static_cast<int32_t>(fixed), shift};
  const int64_t reach = static_cast<int64_t>((1 << kIntegerBits) - 1) << (31 - kIntegerBits);
  params->lowest_difference = -static_cast<int32_t>(reach >> shift);
  return true;
}

}  // namespace

Status PrepareSoftmax(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  const EvalFn eval = ChooseEval(input.type, output.type);
  if (eval == nullptr) return RefuseTypes(context);
  if (input.shape != output.shape || input.shape.rank < 1) return RefuseShapes(context);
  context.SetEval(eval);
  const bool is_int16 = input.type == Type::kInt16;
  auto* params = context.Params<SoftmaxParams>(is_int16 ? SoftmaxTableBytes() : 0);
  if (params == nullptr) return kNoMemory;
  params->depth = input.shape[-1];
  params->rows = input.shape.product(0, input.shape.rank - 1);
  params->beta = context.options().get<float>(option::kBeta, 0.0f);
  if (eval == EvalSoftmaxFloat) return Status::kOk;
  const bool sound = is_int16 ? PrepareSoftmaxInt16(params->beta, input.scale(), params)
                              : PrepareInt8(params->beta, input.scale(), params);
  return sound ? Status::kOk : RefuseQuantization(context);
}

}  // namespace tinydeploy
