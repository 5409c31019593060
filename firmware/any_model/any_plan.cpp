#include "any_model/any_plan.h"

extern "C" void RunPlan(uint32_t index, uint8_t* arena, uint32_t fresh) {
  const tinydeploy::compiled::Plan& plan = *tinydeploy::compiled::kPlans[index];
  if (fresh != 0 && plan.reset != nullptr) plan.reset(arena);
  for (int i = 0; i < plan.step_count; ++i) plan.steps[i].run(arena);
}
