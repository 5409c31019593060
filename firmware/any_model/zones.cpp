#include "any_model/zones.h"

#include <sanitizer/asan_interface.h>
#include <stdio.h>

namespace tinydeploy {
namespace any_model {
namespace {

constexpr int kReset = -1;

Space g_arena;
int g_step;

void SayWhere() {
  const auto at = reinterpret_cast<uintptr_t>(__asan_get_report_address());
  const auto start = reinterpret_cast<uintptr_t>(g_arena.data);
  const long offset =
      at >= start && at - start < g_arena.bytes ? static_cast<long>(at - start) : -1;
  fprintf(stderr, "in step %d, at byte %ld of the arena\n", g_step, offset);
}

// Opens what the step owns; the next step's row.
const uint32_t* Open(const uint32_t* zones) {
  ASAN_POISON_MEMORY_REGION(g_arena.data, g_arena.bytes);
  uint32_t left = *zones++;
  for (; left != 0; --left, zones += 2) {
    ASAN_UNPOISON_MEMORY_REGION(g_arena.data + zones[0], zones[1]);
  }
  return zones;
}

}  // namespace

void RunInZones(const compiled::Plan* plan, const Space& arena, uint32_t fresh,
                const uint32_t* zones) {
  __asan_set_death_callback(SayWhere);
  g_arena = arena;
  g_step = kReset;
  zones = Open(zones);
  if (fresh != 0 && plan->reset != nullptr) plan->reset(arena.data);
  for (g_step = 0; g_step < plan->step_count; ++g_step) {
    zones = Open(zones);
    plan->steps[g_step].run(arena.data);
  }
  ASAN_UNPOISON_MEMORY_REGION(arena.data, arena.bytes);
}

}  // namespace any_model
}  // namespace tinydeploy
