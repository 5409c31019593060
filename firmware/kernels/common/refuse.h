// One-line reasons that most kernels share.
#ifndef TINYDEPLOY_KERNELS_COMMON_REFUSE_H_
#define TINYDEPLOY_KERNELS_COMMON_REFUSE_H_

#include "runtime/prepare_context.h"

namespace tinydeploy {

// "types INT8 x FLOAT32 -> INT8 are not supported"
Status RefuseTypes(PrepareContext& context);
// "shapes do not fit together"
Status RefuseShapes(PrepareContext& context);
// "quantization is missing or out of range"
Status RefuseQuantization(PrepareContext& context);
// "options are missing or not supported"
Status RefuseOptions(PrepareContext& context);
// "a size of 40000, where at most 32768 is supported": one of abi/limits.h
Status RefuseSize(PrepareContext& context, int32_t size, int32_t most);
// "input 1 must be a constant"
Status RefuseVariable(PrepareContext& context, int input);

// No room for params: the runtime says how much is missing.
constexpr Status kNoMemory = Status::kError;

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_REFUSE_H_
