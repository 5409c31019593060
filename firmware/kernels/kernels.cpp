// One constant for each row, in a section of its own: what is not registered is dropped by the
// linker.
#include "kernels/kernels.h"

namespace tinydeploy {

#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) \
  const Kernel k##Name = {#NAME, code, min_inputs, max_inputs, outputs, false, Prepare##Name};
#define TINYDEPLOY_OP_IN_PLACE(Name, NAME, code, min_inputs, max_inputs, outputs) \
  const Kernel k##Name = {#NAME, code, min_inputs, max_inputs, outputs, true, Prepare##Name};
#include "kernels/ops.def"
#undef TINYDEPLOY_OP_IN_PLACE
#undef TINYDEPLOY_OP

}  // namespace tinydeploy
