// The application: a TensorFlow Lite Micro model, served over the link.
#ifndef TINYDEPLOY_APP_APP_H_
#define TINYDEPLOY_APP_APP_H_

#include "abi/protocol.h"

namespace tinydeploy {
namespace app {

// Loads the model and says READY.
void Start();

// Answers what has arrived.
void Poll();

// Reports a CPU fault over the link, now and whenever asked, until a RESET.
[[noreturn]] void ServeFault(abi::FaultReport* report);

}  // namespace app
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_APP_H_
