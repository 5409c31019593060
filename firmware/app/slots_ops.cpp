#include "app/slots_ops.h"

#include "app/static_storage.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace slots {
namespace {

const Kernel* const kKernels[] = {
#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) &k##Name,
#include "kernels/ops.def"
#undef TINYDEPLOY_OP
};

class AllOpsResolver final : public tflite::MicroOpResolver {
 public:
  // Nothing is added to it, so the table may stay in flash.
  AllOpsResolver() : MicroOpResolver(const_cast<const Kernel**>(kKernels)) {
    count_ = sizeof(kKernels) / sizeof(kKernels[0]);
  }
};

}  // namespace

const tflite::MicroOpResolver& AllOps() {
  static StaticStorage<AllOpsResolver> place;
  return *place.Make();
}

}  // namespace slots
}  // namespace tinydeploy
