// VAR_HANDLE, READ_VARIABLE, ASSIGN_VARIABLE. Which variable a handle means is known when the model
// is prepared, so that reading and assigning are copies.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

enum : int { kContainer, kSharedName };  // options of VAR_HANDLE

struct HandleParams {
  int32_t id;
};

Status EvalHandle(const void* params, void* const* args) {
  *static_cast<int32_t*>(args[0]) = static_cast<const HandleParams*>(params)->id;
  return Status::kOk;
}

struct CopyParams {
  uint32_t bytes;
  int32_t from;  // arguments
  int32_t to;
};

Status EvalCopy(const void* params, void* const* args) {
  const auto& p = *static_cast<const CopyParams*>(params);
  if (p.bytes != 0) memcpy(args[p.to], args[p.from], p.bytes);
  return Status::kOk;
}

// The variable of input 0 becomes the argument after the outputs.
Status PrepareCopy(PrepareContext& context, uint32_t bytes, int from, int to, uint16_t initial) {
  if (context.input(0).type != Type::kResource) return RefuseTypes(context);
  const OpView handle = context.Producer(0);
  if (handle.builtin_code != kVarHandle.code) {
    return context.Fail("the handle must come from VAR_HANDLE in the same subgraph");
  }
  auto* params = context.Params<CopyParams>();
  if (params == nullptr) return kNoMemory;
  *params = {bytes, from, to};
  context.SetEval(EvalCopy);
  return context.Share(handle.options.vector<uint8_t>(kContainer),
                       handle.options.vector<uint8_t>(kSharedName), bytes, initial);
}

}  // namespace

Status PrepareVarHandle(PrepareContext& context) {
  const TensorView output = context.output(0);
  if (output.type != Type::kResource) return RefuseTypes(context);
  if (output.shape.elements() != 1) return RefuseShapes(context);
  auto* params = context.Params<HandleParams>();
  if (params == nullptr) return kNoMemory;
  context.SetEval(EvalHandle);
  return context.VariableId(context.options().vector<uint8_t>(kContainer),
                            context.options().vector<uint8_t>(kSharedName), &params->id);
}

Status PrepareReadVariable(PrepareContext& context) {
  return PrepareCopy(context, context.output(0).bytes, 2, 1, kAnyStart);
}

Status PrepareAssignVariable(PrepareContext& context) {
  const TensorView value = context.input(1);
  // As TFLM: until it is assigned, a variable has the zero point of the first value in each byte.
  return PrepareCopy(context, value.bytes, 1, 2, static_cast<uint8_t>(value.zero_point()));
}

}  // namespace tinydeploy
