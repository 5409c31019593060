// What the device does for each request of abi/protocol.h.
#ifndef TINYDEPLOY_APP_COMMANDS_H_
#define TINYDEPLOY_APP_COMMANDS_H_

#include <stdint.h>

#include "link/server.h"

namespace tinydeploy {
namespace app {

extern const HandlerTable kCommands;

struct LinkCounters {
  uint32_t frames_ok;
  uint32_t frames_dropped;
};
LinkCounters Counters();

}  // namespace app
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_COMMANDS_H_
