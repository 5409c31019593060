// The requests about slots, see abi/slot_protocol.py.
#ifndef TINYDEPLOY_APP_SLOTS_COMMANDS_H_
#define TINYDEPLOY_APP_SLOTS_COMMANDS_H_

#include "link/server.h"

namespace tinydeploy {
namespace slots {

abi::Status Operators(const Request& request, Reply& reply);
abi::Status Info(const Request& request, Reply& reply);
abi::Status PageChecksums(const Request& request, Reply& reply);
abi::Status ErasePage(const Request& request, Reply& reply);
abi::Status WritePart(const Request& request, Reply& reply);
abi::Status VerifyModel(const Request& request, Reply& reply);
abi::Status ActivateModel(const Request& request, Reply& reply);
abi::Status UndoActivation(const Request& request, Reply& reply);

}  // namespace slots
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_SLOTS_COMMANDS_H_
