#include "kernels/shape/gather_walk.h"

#include "kernels/common/refuse.h"

namespace tinydeploy {
namespace {

struct WalkParams {
  Walk walk;
  int32_t output_arg;
};

template <class T>
Status EvalWalk(const void* params, void* const* args) {
  const auto& p = *static_cast<const WalkParams*>(params);
  const auto* input = static_cast<const T*>(args[0]);
  auto* output = static_cast<T*>(args[p.output_arg]);
  ForEachPosition(p.walk, [&](int32_t position) { *output++ = input[position]; });
  return Status::kOk;
}

EvalFn ChooseEval(Type type) {
  switch (TypeBits(type)) {
    case 8:
      return EvalWalk<int8_t>;
    case 16:
      return EvalWalk<int16_t>;
    case 32:
      return EvalWalk<int32_t>;
    case 64:
      return EvalWalk<Int64>;
    default:
      return nullptr;
  }
}

}  // namespace

Status PrepareWalk(PrepareContext& context, const Walk& walk) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  const EvalFn eval = ChooseEval(input.type);
  if (eval == nullptr || output.type != input.type) return RefuseTypes(context);
  int64_t positions = 1;
  for (int i = 0; i < walk.rank; ++i) positions *= walk.size[i];
  if (positions != output.shape.elements()) return RefuseShapes(context);
  auto* params = context.Params<WalkParams>();
  if (params == nullptr) return kNoMemory;
  params->walk = walk;
  params->output_arg = context.input_count();
  context.SetEval(eval);
  return Status::kOk;
}

}  // namespace tinydeploy
