#include "app/slots.h"

#include "app/engine.h"
#include "app/slots_self_test.h"

namespace tinydeploy {
namespace slots {
namespace {

using abi::SlotState;
using abi::Status;

constexpr int kNone = static_cast<int>(abi::kBuiltIn);

int g_running = kNone;
int g_verified = kNone;

// The slot with the newest mark.
int NewestSlot() {
  int newest = kNone;
  uint32_t sequence = 0;
  for (int slot = 0; slot < kSlots; ++slot) {
    const Mark mark = Slot(slot).NewestMark();
    if (!IsNewer(mark.sequence, sequence)) continue;
    newest = slot;
    sequence = mark.sequence;
  }
  return newest;
}

bool IsActive(int slot) { return Slot(slot).NewestMark().state == SlotState::kActive; }
int Other(int slot) { return kSlots - 1 - slot; }
static_assert(kSlots == 2, "the other slot is the one to fall back on");

bool LoadSlot(int slot) {
  const Slot candidate(slot);
  if (!IsActive(slot) || !candidate.IsGenuine() || !engine::Load(candidate.model())) return false;
  g_running = slot;
  return true;
}

// Marks `slot` and runs what the marks say then.
Status Append(int slot, SlotState state) {
  const Status done = Slot(slot).Append({state, NextSequence(NewestMark().sequence)});
  if (done == Status::kOk) LoadNewest();
  return done;
}

Status Try(const Slot& slot, abi::SlotVerifyReply* reply) {
  const Status checked = slot.Check();
  if (checked != Status::kOk) return checked;
  if (!engine::Load(slot.model())) {
    abi::DiagnoseReply why = {};
    engine::Explain(&why);
    reply->op_index = why.op_index;
    static_assert(sizeof(reply->message) == sizeof(why.message), "one size of messages");
    for (size_t i = 0; i < sizeof(why.message); ++i) reply->message[i] = why.message[i];
    reply->arena_used_bytes = engine::ArenaUsedBytes();
    return Status::kModelRefused;
  }
  reply->arena_used_bytes = engine::ArenaUsedBytes();
  return PassesSelfTest(slot, &reply->vectors) ? Status::kOk : Status::kSelfTestFailed;
}

}  // namespace

void LoadNewest() {
  g_running = kNone;
  const int newest = NewestSlot();
  const bool of_a_slot = newest != kNone && IsActive(newest);
  if (of_a_slot && (LoadSlot(newest) || LoadSlot(Other(newest)))) return;
  engine::Load(program::BuiltIn());
}

int Running() { return g_running; }

// The mark that says that the built-in model runs must last as well.
int Locked() {
  return g_running != kNone || NewestMark().state != SlotState::kRetired ? g_running : NewestSlot();
}

Mark NewestMark() {
  const int slot = NewestSlot();
  return slot == kNone ? Mark{} : Slot(slot).NewestMark();
}

void Forget(int slot) {
  if (g_verified == slot) g_verified = kNone;
}

void Verify(int slot, abi::SlotVerifyReply* reply) {
  reply->op_index = static_cast<uint16_t>(abi::kAllOps);
  const Status outcome = Try(Slot(slot), reply);
  reply->outcome = static_cast<uint16_t>(outcome);
  g_verified = outcome == Status::kOk ? slot : kNone;
  LoadNewest();
}

// The host repeats a request whose answer got lost.
Status Activate(int slot) {
  if (slot == g_running) return Status::kOk;
  if (slot == kNone) return Append(NewestSlot(), SlotState::kRetired);
  if (slot != g_verified) return Status::kNotVerified;
  return Append(slot, SlotState::kActive);
}

Status Rollback(uint32_t sequence) {
  const Mark newest = NewestMark();
  if (newest.sequence != sequence) {
    return newest.sequence == NextSequence(sequence) ? Status::kOk : Status::kNothingBefore;
  }
  const int slot = NewestSlot();
  if (slot == kNone) return Status::kNothingBefore;
  if (newest.state == SlotState::kRetired) {
    return Slot(slot).IsGenuine() ? Append(slot, SlotState::kActive) : Status::kNothingBefore;
  }
  const int other = Other(slot);
  if (IsActive(other) && Slot(other).IsGenuine()) return Append(other, SlotState::kActive);
  return Append(slot, SlotState::kRetired);
}

}  // namespace slots
}  // namespace tinydeploy
