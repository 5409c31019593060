#ifndef TENSORFLOW_LITE_MICRO_MICRO_OP_RESOLVER_H_
#define TENSORFLOW_LITE_MICRO_MICRO_OP_RESOLVER_H_

#include "runtime/kernel.h"

namespace tflite {

// The kernels that an application registered.
class MicroOpResolver {
 public:
  tinydeploy::KernelSet kernels() const { return {kernels_, count_}; }

 protected:
  explicit MicroOpResolver(const tinydeploy::Kernel** kernels) : kernels_(kernels) {}
  MicroOpResolver(const MicroOpResolver&) = delete;
  MicroOpResolver& operator=(const MicroOpResolver&) = delete;

  const tinydeploy::Kernel** kernels_;
  int count_ = 0;
};

}  // namespace tflite

#endif  // TENSORFLOW_LITE_MICRO_MICRO_OP_RESOLVER_H_
