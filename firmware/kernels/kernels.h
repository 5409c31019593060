// Every kernel by name: tinydeploy::kConv2D, kSoftmax, ... from the rows of ops.def.
#ifndef TINYDEPLOY_KERNELS_KERNELS_H_
#define TINYDEPLOY_KERNELS_KERNELS_H_

#include "runtime/kernel.h"

namespace tinydeploy {

#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) \
  extern const Kernel k##Name;                                           \
  Status Prepare##Name(PrepareContext& context);
#include "kernels/ops.def"
#undef TINYDEPLOY_OP

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_KERNELS_H_
