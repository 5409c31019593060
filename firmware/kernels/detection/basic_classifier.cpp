// BasicClassifier: of some classes the score, and whether it reaches the class's threshold.
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

struct ClassifierParams {
  int32_t classes;
  int32_t targets;
};

Status EvalBasicClassifier(const void* params, void* const* args) {
  const auto& p = *static_cast<const ClassifierParams*>(params);
  const auto* scores = static_cast<const int32_t*>(args[0]);
  const auto* indices = static_cast<const int32_t*>(args[1]);
  const auto* thresholds = static_cast<const int32_t*>(args[2]);
  auto* detected = static_cast<bool*>(args[3]);
  auto* found = static_cast<int32_t*>(args[4]);
  for (int32_t i = 0; i < p.targets; ++i) {
    if (indices[i] < 0 || indices[i] >= p.classes) return Status::kError;
    found[i] = scores[indices[i]];
    detected[i] = found[i] >= thresholds[i];
  }
  return Status::kOk;
}

}  // namespace

Status PrepareBasicClassifier(PrepareContext& context) {
  for (int i = 0; i < 3; ++i) {
    if (context.input(i).type != Type::kInt32) return RefuseTypes(context);
  }
  if (context.output(0).type != Type::kBool || context.output(1).type != Type::kInt32) {
    return RefuseTypes(context);
  }
  const Shape scores = context.input(0).shape;
  const Shape targets = context.input(1).shape;
  if (scores.rank < 1 || scores.rank > 2 || targets.rank != 1 ||
      context.input(2).shape != targets || context.output(0).shape != targets ||
      context.output(1).shape != targets) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<ClassifierParams>();
  if (params == nullptr) return kNoMemory;
  *params = {scores.elements(), targets[0]};
  context.SetEval(EvalBasicClassifier);
  return Status::kOk;
}

}  // namespace tinydeploy
