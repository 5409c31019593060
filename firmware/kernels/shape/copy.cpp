#include "kernels/shape/copy.h"

#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

Status Copy(const void* params, const void* from, void* to) {
  if (from != to)
    memcpy(to, from, static_cast<size_t>(static_cast<const CopyParams*>(params)->bytes));
  return Status::kOk;
}

}  // namespace

Status EvalCopyArg1(const void* params, void* const* args) {
  return Copy(params, args[0], args[1]);
}

Status EvalCopyArg2(const void* params, void* const* args) {
  return Copy(params, args[0], args[2]);
}

Status PrepareCopy(PrepareContext& context, EvalFn eval) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  if (input.type != output.type) return RefuseTypes(context);
  if (input.bytes != output.bytes) return RefuseShapes(context);
  auto* params = context.Params<CopyParams>();
  if (params == nullptr) return kNoMemory;
  params->bytes = static_cast<int32_t>(input.bytes);
  context.SetEval(eval);
  return Status::kOk;
}

Status PrepareReshape(PrepareContext& context) { return PrepareCopy(context, EvalCopyArg2); }
Status PrepareSqueeze(PrepareContext& context) { return PrepareCopy(context, EvalCopyArg1); }
Status PrepareExpandDims(PrepareContext& context) { return PrepareCopy(context, EvalCopyArg2); }

}  // namespace tinydeploy
