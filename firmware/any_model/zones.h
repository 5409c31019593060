// Steps of a plan under the address sanitizer: each may touch its own buffers and nothing else of
// the arena. Only in builds with TINYDEPLOY_RED_ZONES, on a PC.
#ifndef TINYDEPLOY_ANY_MODEL_ZONES_H_
#define TINYDEPLOY_ANY_MODEL_ZONES_H_

#include "compiled/plan.h"

namespace tinydeploy {
namespace any_model {

struct Space {
  uint8_t* data;
  uint32_t bytes;
};

// As RunGivenPlan. `zones`: for the reset and then for each step how many buffers are its own, and
// the offset and the bytes of each. The report of what is touched beside them ends in a line that
// names the step, and where in the arena that was.
void RunInZones(const compiled::Plan* plan, const Space& arena, uint32_t fresh,
                const uint32_t* zones);

}  // namespace any_model
}  // namespace tinydeploy

#endif  // TINYDEPLOY_ANY_MODEL_ZONES_H_
