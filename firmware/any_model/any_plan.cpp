#include "any_model/any_plan.h"

extern "C" void RunPlan(uint32_t index, uint8_t* arena, uint32_t fresh) {
  const tinydeploy::compiled::Plan& plan = *tinydeploy::compiled::kPlans[index];
  if (fresh != 0 && plan.reset != nullptr) plan.reset(arena);
  const tinydeploy::compiled::Step* const end = plan.steps + plan.step_count;
  for (const tinydeploy::compiled::Step* step = plan.steps; step < end; ++step) step->run(arena);
}
