#include "kernels/elementwise/binary.h"

#include "kernels/common/refuse.h"

namespace tinydeploy {

Status PrepareBinary(PrepareContext& context, const BinaryEval* evals, int count,
                     BinaryParams** params) {
  const TensorView a = context.input(0);
  const TensorView b = context.input(1);
  const TensorView output = context.output(0);
  EvalFn eval = nullptr;
  for (int i = 0; i < count; ++i) {
    if (evals[i].input == a.type && evals[i].output == output.type) eval = evals[i].eval;
  }
  if (eval == nullptr || b.type != a.type) return RefuseTypes(context);
  context.SetEval(eval);
  auto* p = context.Params<BinaryParams>();
  if (p == nullptr) return kNoMemory;
  if (!MakeBroadcast(a.shape, b.shape, output.shape, &p->broadcast)) return RefuseShapes(context);
  p->offset[0] = -a.zero_point();
  p->offset[1] = -b.zero_point();
  p->output_offset = output.zero_point();
  p->range = TypeRange(output.type);
  *params = p;
  return Status::kOk;
}

Status FillActivation(PrepareContext& context, BinaryParams* params) {
  const TensorView output = context.output(0);
  const auto activation = static_cast<Activation>(context.options().get<int8_t>(0, 0));
  const bool known = output.type == Type::kInt8 || output.type == Type::kInt16
                         ? ActivationRange(activation, output, &params->range)
                         : ActivationRange(activation, &params->float_range);
  return known ? Status::kOk : RefuseOptions(context);
}

}  // namespace tinydeploy
