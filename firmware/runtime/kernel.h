// The interface between the runtime, which knows no operator, and the kernels.
#ifndef TINYDEPLOY_RUNTIME_KERNEL_H_
#define TINYDEPLOY_RUNTIME_KERNEL_H_

#include "runtime/model.h"
#include "runtime/plan.h"
#include "runtime/status.h"
#include "runtime/tensor.h"

namespace tinydeploy {

class PrepareContext;

// Checks an operator once, fills its params and picks its eval function.
using PrepareFn = Status (*)(PrepareContext& context);

constexpr int kAny = -1;

struct Kernel {
  const char* name;   // the schema's name, for example "CONV_2D", or the custom operator's
  int16_t code;       // BuiltinOperator in the schema
  int8_t min_inputs;  // that a model must give
  int8_t max_inputs;  // and may give, or kAny; omitted ones become null arguments
  int8_t outputs;     // or kAny
  // The output may lie on an input of its type and size: the eval function reads an element for the
  // last time before it writes the one in its place.
  bool in_place;
  PrepareFn prepare;
};

struct KernelSet {
  const Kernel* const* kernels = nullptr;
  int count = 0;

  const Kernel* find(const OpView& op) const {  // null if not registered
    for (int i = 0; i < count; ++i) {
      if (kernels[i]->code == op.builtin_code && (!op.is_custom() || op.is_named(kernels[i]->name)))
        return kernels[i];
    }
    return nullptr;
  }
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_KERNEL_H_
