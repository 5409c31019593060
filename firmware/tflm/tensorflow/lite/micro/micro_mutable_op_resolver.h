#ifndef TENSORFLOW_LITE_MICRO_MICRO_MUTABLE_OP_RESOLVER_H_
#define TENSORFLOW_LITE_MICRO_MICRO_MUTABLE_OP_RESOLVER_H_

#include "kernels/kernels.h"
#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_log.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"

namespace tflite {

// Room for `kOpCount` operators. Only what is added gets linked: the linker drops the other
// kernels.
template <unsigned int kOpCount>
class MicroMutableOpResolver : public MicroOpResolver {
 public:
  MicroMutableOpResolver() : MicroOpResolver(storage_) {}

  unsigned int GetRegistrationLength() const { return static_cast<unsigned int>(count_); }

  // AddConv2D(), AddSoftmax(), ...: one method for each row of kernels/ops.def, named as upstream.
#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) \
  TfLiteStatus Add##Name() { return Add(tinydeploy::k##Name); }
#include "kernels/ops.def"
#undef TINYDEPLOY_OP

 private:
  TfLiteStatus Add(const tinydeploy::Kernel& kernel) {
    if (static_cast<unsigned int>(count_) == kOpCount) {
      MicroPrintf("no room for %s: the resolver holds %u operators", kernel.name, kOpCount);
      return kTfLiteError;
    }
    storage_[count_++] = &kernel;
    return kTfLiteOk;
  }

  const tinydeploy::Kernel* storage_[kOpCount];
};

}  // namespace tflite

#endif  // TENSORFLOW_LITE_MICRO_MICRO_MUTABLE_OP_RESOLVER_H_
