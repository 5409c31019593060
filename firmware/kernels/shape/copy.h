// Operators that only give their data another shape: one eval for all of them.
#ifndef TINYDEPLOY_KERNELS_SHAPE_COPY_H_
#define TINYDEPLOY_KERNELS_SHAPE_COPY_H_

#include <stdint.h>

#include "runtime/prepare_context.h"

namespace tinydeploy {

struct CopyParams {
  int32_t bytes;
};

// Output = input 0, byte for byte; `output_arg` is the number of inputs in ops.def.
Status PrepareCopy(PrepareContext& context, EvalFn eval);
Status EvalCopyArg1(const void* params, void* const* args);  // one input
Status EvalCopyArg2(const void* params, void* const* args);  // two inputs

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_SHAPE_COPY_H_
