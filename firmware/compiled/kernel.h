// Steps of a compiled plan that a kernel of the interpreter runs, its params made on the PC.
#ifndef TINYDEPLOY_COMPILED_KERNEL_H_
#define TINYDEPLOY_COMPILED_KERNEL_H_

#include <stdint.h>

#include "runtime/plan.h"

namespace tinydeploy {
namespace compiled {

// A kernel refused what it was given (an index out of range) in this inference.
extern bool g_eval_failed;

// data: as EvalFn takes it.
template <class... Data>
void RunKernel(EvalFn eval, const void* params, Data... data) {
  const void* pointers[] = {data...};
  const Status status = eval(params, const_cast<void* const*>(pointers));
  if (__builtin_expect(status != Status::kOk, 0)) g_eval_failed = true;
}

}  // namespace compiled
}  // namespace tinydeploy

#endif  // TINYDEPLOY_COMPILED_KERNEL_H_
