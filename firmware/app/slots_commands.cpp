#include "app/slots_commands.h"

#include <string.h>

#include "abi/slot_protocol.h"
#include "app/slots.h"
#include "app/slots_ops.h"

namespace tinydeploy {
namespace slots {
namespace {

using abi::Status;

Status CheckWritable(int slot) {
  if (slot >= kSlots) return Status::kBadIndex;
  return slot == Locked() ? Status::kSlotInUse : Status::kOk;
}

// A model of which a part is missing is only half pushed as long as it never ran.
abi::SlotState StateOf(const Slot& slot, const Mark& mark) {
  if (slot.IsWhole()) return mark.sequence == 0 ? abi::SlotState::kWhole : mark.state;
  const bool is_part = slot.HasHeader() && mark.sequence == 0;
  return is_part ? abi::SlotState::kPartial : abi::SlotState::kEmpty;
}

Status Flashed(bool done) { return done ? Status::kOk : Status::kFlashFailed; }

}  // namespace

// Builtin codes, a halfword each.
Status Operators(const Request&, Reply& reply) {
  const KernelSet kernels = AllOps().kernels();
  for (int i = 0; i < kernels.count; ++i) {
    const auto code = static_cast<uint16_t>(kernels.kernels[i]->code);
    if (reply.bytes + sizeof(code) > abi::kMaxPayloadBytes) return Status::kOutOfRange;
    memcpy(reply.payload + reply.bytes, &code, sizeof(code));
    reply.bytes = static_cast<uint16_t>(reply.bytes + sizeof(code));
  }
  return Status::kOk;
}

Status Info(const Request& request, Reply& reply) {
  const int index = request.as<abi::SlotRequest>().slot;
  if (index >= kSlots) return Status::kBadIndex;
  auto& info = reply.put<abi::SlotInfoReply>();
  info.slot_count = kSlots;
  info.running_slot = static_cast<uint16_t>(Running());
  info.locked_slot = static_cast<uint16_t>(Locked());
  info.newest_sequence = NewestMark().sequence;
  info.slot_bytes = Slot::Bytes();
  info.page_bytes = Slot::PageBytes();
  const Slot slot(index);
  const Mark mark = slot.NewestMark();
  const abi::SlotState state = StateOf(slot, mark);
  if (state == abi::SlotState::kEmpty) return Status::kOk;
  info.state = static_cast<uint16_t>(state);
  info.sequence = mark.sequence;
  info.model_bytes = slot.header().model_bytes;
  info.vector_count = slot.header().vector_count;
  info.payload_crc = slot.header().payload_crc;
  memcpy(info.model_hash, slot.header().model_hash, sizeof(info.model_hash));
  return Status::kOk;
}

// Of the flash as it reads now, whatever was said of it before.
Status PageChecksums(const Request& request, Reply& reply) {
  const auto& what = request.as<abi::SlotPagesRequest>();
  const uint32_t pages = Slot::Bytes() / Slot::PageBytes();
  if (what.slot >= kSlots) return Status::kBadIndex;
  if (what.first_page > pages || what.page_count > pages - what.first_page ||
      what.page_count > abi::kMaxPayloadBytes / sizeof(uint32_t)) {
    return Status::kOutOfRange;
  }
  for (uint32_t i = 0; i < what.page_count; ++i) {
    const uint32_t crc = Slot(what.slot).PageCrc(what.first_page + i);
    memcpy(reply.payload + i * sizeof(crc), &crc, sizeof(crc));
  }
  reply.bytes = static_cast<uint16_t>(what.page_count * sizeof(uint32_t));
  return Status::kOk;
}

Status ErasePage(const Request& request, Reply&) {
  const auto& what = request.as<abi::SlotEraseRequest>();
  const Status allowed = CheckWritable(what.slot);
  if (allowed != Status::kOk) return allowed;
  if (what.page >= Slot::Bytes() / Slot::PageBytes()) return Status::kOutOfRange;
  Forget(what.slot);
  return Flashed(Slot(what.slot).ErasePage(what.page));
}

// Marks are not the host's to write.
Status WritePart(const Request& request, Reply&) {
  const auto& where = request.as<abi::SlotWriteRequest>();
  const auto bytes = static_cast<uint32_t>(request.header.payload_bytes - sizeof(where));
  const Status allowed = CheckWritable(where.slot);
  if (allowed != Status::kOk) return allowed;
  if (bytes % sizeof(uint32_t) != 0 || where.offset % sizeof(uint32_t) != 0) {
    return Status::kBadLength;
  }
  const bool is_header =
      where.offset <= abi::kSlotMarksOffset && bytes <= abi::kSlotMarksOffset - where.offset;
  const bool is_payload = where.offset >= Slot::PageBytes() && where.offset <= Slot::Bytes() &&
                          bytes <= Slot::Bytes() - where.offset;
  if (!is_header && !is_payload) return Status::kOutOfRange;
  Forget(where.slot);
  return Flashed(Slot(where.slot).Write(where.offset, request.payload + sizeof(where), bytes));
}

Status VerifyModel(const Request& request, Reply& reply) {
  const int slot = request.as<abi::SlotRequest>().slot;
  if (slot >= kSlots) return Status::kBadIndex;
  abi::SlotVerifyReply result = {};  // the reply's place may be used again meanwhile
  Verify(slot, &result);
  reply.put<abi::SlotVerifyReply>() = result;
  return Status::kOk;
}

Status ActivateModel(const Request& request, Reply&) {
  const int slot = request.as<abi::SlotRequest>().slot;
  const bool is_known = slot < kSlots || slot == static_cast<int>(abi::kBuiltIn);
  return is_known ? Activate(slot) : Status::kBadIndex;
}

Status UndoActivation(const Request& request, Reply&) {
  return Rollback(request.as<abi::SlotRollbackRequest>().newest_sequence);
}

}  // namespace slots
}  // namespace tinydeploy
