// Hot swap: models in flash slots, which replace the image's own without a new image.
//
// The newest mark over all slots says what runs: ACTIVE that slot's model, RETIRED the built-in
// one. If that slot is damaged, an older active one runs, else the built-in model. A slot that says
// what runs is never written, so a swap that power cuts short anywhere leaves the old model, or
// with the last word of the new mark the new one.
#ifndef TINYDEPLOY_APP_SLOTS_H_
#define TINYDEPLOY_APP_SLOTS_H_

#include "abi/protocol.h"
#include "abi/slot_protocol.h"
#include "app/slots_layout.h"

namespace tinydeploy {
namespace slots {

// Takes the model that is to run into the engine.
void LoadNewest();
int Running();  // its slot, kBuiltIn for the image's own
int Locked();   // the slot that must not be written, kBuiltIn if all may

// The newest mark over all slots.
Mark NewestMark();

// The slot's content has changed: what was known of it no longer holds.
void Forget(int slot);
// Runs the slot's model on its vectors; then the model that is to run is back.
void Verify(int slot, abi::SlotVerifyReply* reply);
// Makes the model of a slot that was verified, or with kBuiltIn the image's own, the one that runs.
abi::Status Activate(int slot);
// Goes back to what ran before the mark of this sequence number.
abi::Status Rollback(uint32_t sequence);

}  // namespace slots
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_SLOTS_H_
