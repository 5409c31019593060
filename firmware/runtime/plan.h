// What the executor runs: a list of steps, made from a model file on the device or ahead of time.
#ifndef TINYDEPLOY_RUNTIME_PLAN_H_
#define TINYDEPLOY_RUNTIME_PLAN_H_

#include "runtime/status.h"

namespace tinydeploy {

// Computes one operator. `params` is the kernel's own struct: fixed width, no pointers.
// `args` are pointers to the data of the inputs (null for an omitted one; at least as many as the
// kernel's row in kernels/ops.def says), then the outputs, then the scratch buffers.
// Trusts what Prepare has checked.
using EvalFn = Status (*)(const void* params, void* const* args);

struct Step {
  EvalFn eval;
  const void* params;
  void** args;
};

struct Plan {
  Step* steps = nullptr;
  int count = 0;
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_PLAN_H_
