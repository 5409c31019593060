#include "any_model/any_plan.h"

extern "C" void RunPlan(uint32_t index, uint8_t* arena) {
  const tinydeploy::compiled::Plan& plan = *tinydeploy::compiled::kPlans[index];
  for (int i = 0; i < plan.step_count; ++i) plan.steps[i].run(arena);
}
