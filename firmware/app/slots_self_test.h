#ifndef TINYDEPLOY_APP_SLOTS_SELF_TEST_H_
#define TINYDEPLOY_APP_SLOTS_SELF_TEST_H_

#include <stdint.h>

#include "app/slots_layout.h"

namespace tinydeploy {
namespace slots {

// Runs the model in the engine, which must be the slot's, on the slot's vectors, in their order.
// Integers must come out equal, floats within the tolerance of stages/verify.py. `passed` counts.
bool PassesSelfTest(const Slot& slot, uint32_t* passed);

}  // namespace slots
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_SLOTS_SELF_TEST_H_
