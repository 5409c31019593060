// Runs plans of the compiled engine, many in one program: for fuzzers. The plans come from a file
// that scripts/tinydeploy/fuzz/plans.py writes.
#ifndef TINYDEPLOY_ANY_MODEL_ANY_PLAN_H_
#define TINYDEPLOY_ANY_MODEL_ANY_PLAN_H_

#include "compiled/plan.h"

namespace tinydeploy {
namespace compiled {

extern const Plan* const kPlans[];

}  // namespace compiled
}  // namespace tinydeploy

// All steps of one of them; inputs and outputs are in the arena. `fresh`: with what the plan keeps
// as it is before the first run, else as the last run left it.
extern "C" void RunPlan(uint32_t index, uint8_t* arena, uint32_t fresh);

#endif  // TINYDEPLOY_ANY_MODEL_ANY_PLAN_H_
