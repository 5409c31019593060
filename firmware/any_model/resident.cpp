#include "any_model/resident.h"

extern "C" void RunGivenPlan(const tinydeploy::compiled::Plan* plan, uint8_t* arena,
                             uint32_t fresh) {
  if (fresh != 0 && plan->reset != nullptr) plan->reset(arena);
  for (int i = 0; i < plan->step_count; ++i) plan->steps[i].run(arena);
}
