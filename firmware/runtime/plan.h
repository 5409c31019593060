// What the executor runs: a list of steps, made from a model file on the device or ahead of time.
#ifndef TINYDEPLOY_RUNTIME_PLAN_H_
#define TINYDEPLOY_RUNTIME_PLAN_H_

#include <stdint.h>

#include "runtime/status.h"

namespace tinydeploy {

// Computes one operator. `params` is the kernel's own struct: fixed width, no pointers.
// `args` are pointers to the data of the inputs (null for an omitted one; at least as many as the
// kernel's row in kernels/ops.def says), then the outputs, then the scratch buffers.
// Trusts what Prepare has checked.
using EvalFn = Status (*)(const void* params, void* const* args);

struct Kernel;

struct Step {
  const Kernel* kernel;  // for its name
  EvalFn eval;
  const void* params;
  void** args;
};

struct Plan {
  Step* steps = nullptr;
  int count = 0;
};

// Runs all steps.
inline Status RunPlan(const Plan& plan) {
  for (int i = 0; i < plan.count; ++i) {
    const Status status = plan.steps[i].eval(plan.steps[i].params, plan.steps[i].args);
    if (status != Status::kOk) return status;
  }
  return Status::kOk;
}

// A subgraph that an operator runs: `ports` are its inputs, then its outputs.
struct CalledGraph {
  struct Port {
    void* data;
    uint32_t bytes;
  };
  Plan plan;
  Port* ports = nullptr;
  int inputs = 0;
  int outputs = 0;

  // False while the arena is too small and only its size is counted: the ports mean nothing.
  bool ready() const { return ports != nullptr; }
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_PLAN_H_
