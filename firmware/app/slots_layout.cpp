#include "app/slots_layout.h"

#include <string.h>

#include "app/hmac.h"
#include "app/sha256.h"
#include "board.h"
#include "link/crc32.h"

namespace tinydeploy {
namespace slots {
namespace {

constexpr uint32_t kBlank = 0xFFFFFFFF;
constexpr uint32_t kModelAlignment = 16;

bool IsErased(const uint8_t* data, size_t bytes) {
  const auto* words = reinterpret_cast<const uint32_t*>(data);
  for (size_t i = 0; i < bytes / sizeof(uint32_t); ++i) {
    if (words[i] != kBlank) return false;
  }
  return true;
}

// CRC of a struct whose last word it is.
template <class T>
uint32_t CrcOf(const T& record) {
  return Crc32(0, &record, sizeof(T) - sizeof(uint32_t));
}

bool IsWholeMark(const abi::SlotMark& mark) {
  const bool known = mark.state == static_cast<uint32_t>(abi::SlotState::kActive) ||
                     mark.state == static_cast<uint32_t>(abi::SlotState::kRetired);
  return known && mark.sequence != 0 && mark.crc == CrcOf(mark);
}

const abi::SlotMark* FirstMark(const uint8_t* start) {
  return reinterpret_cast<const abi::SlotMark*>(start + abi::kSlotMarksOffset);
}

uint32_t MarkCount() {
  return (Slot::PageBytes() - abi::kSlotMarksOffset) / static_cast<uint32_t>(sizeof(abi::SlotMark));
}

}  // namespace

Slot::Slot(int index) : start_(board::Models().start + static_cast<uint32_t>(index) * Bytes()) {}

uint32_t Slot::Bytes() { return board::Models().bytes / kSlots; }
uint32_t Slot::PageBytes() { return board::Models().page_bytes; }

const uint8_t* Slot::payload() const { return start_ + PageBytes(); }

const abi::SlotHeader& Slot::header() const {
  return *reinterpret_cast<const abi::SlotHeader*>(start_);
}

uint32_t Slot::ModelRoom() const {
  return (header().model_bytes + kModelAlignment - 1) / kModelAlignment * kModelAlignment;
}

bool Slot::HasHeader() const {
  const abi::SlotHeader& stated = header();
  if (stated.magic != abi::kSlotMagic || stated.header_crc != CrcOf(stated)) return false;
  const uint32_t room = Bytes() - PageBytes();
  if (stated.model_bytes == 0 || stated.model_bytes > room || ModelRoom() > room) return false;
  if (stated.vector_count == 0) return true;
  return stated.vector_bytes % sizeof(uint32_t) == 0 &&
         stated.vector_bytes <= (room - ModelRoom()) / stated.vector_count;
}

program::Model Slot::model() const {
  return {payload(), header().model_bytes, header().model_hash};
}

const uint8_t* Slot::vector(uint32_t index) const {
  return payload() + ModelRoom() + index * header().vector_bytes;
}

bool Slot::IsWhole() const {
  if (!HasHeader()) return false;
  const auto bytes = static_cast<size_t>(vector(header().vector_count) - payload());
  return Crc32(0, payload(), bytes) == header().payload_crc;
}

// Anyone at the port can make a checksum right, but not a hash.
abi::Status Slot::Check() const {
  if (!IsWhole()) return abi::Status::kSlotNotWhole;
  uint8_t digest[sizeof(header().model_hash)];
  Sha256(payload(), header().model_bytes, digest);
  if (memcmp(digest, header().model_hash, sizeof(digest)) != 0) return abi::Status::kSlotNotWhole;
  constexpr size_t kCovered = offsetof(abi::SlotHeader, mac);
  static_assert(kCovered <= kMaxMacMessageBytes, "IsMac takes no more");
  const uint8_t* key = program::PushKey();
  const bool is_authentic = key == nullptr || IsMac(key, &header(), kCovered, header().mac);
  return is_authentic ? abi::Status::kOk : abi::Status::kSlotNotAuthentic;
}

Mark Slot::NewestMark() const {
  Mark newest;
  if (!HasHeader()) return newest;
  const abi::SlotMark* marks = FirstMark(start_);
  for (uint32_t i = 0; i < MarkCount(); ++i) {
    const abi::SlotMark& mark = marks[i];
    if (IsWholeMark(mark) && IsNewer(mark.sequence, newest.sequence)) {
      newest = {static_cast<abi::SlotState>(mark.state), mark.sequence};
    }
  }
  return newest;
}

uint32_t Slot::PageCrc(uint32_t page) const {
  return Crc32(0, start_ + page * PageBytes(), PageBytes());
}

// Always, even if it reads as erased: where power failed within an erase that may not last.
bool Slot::ErasePage(uint32_t page) const {
  const uint8_t* at = start_ + page * PageBytes();
  board::EraseModelPage(at);
  return IsErased(at, PageBytes());
}

bool Slot::Write(uint32_t offset, const void* words, size_t bytes) const {
  board::WriteModelWords(start_ + offset, static_cast<const uint32_t*>(words),
                         bytes / sizeof(uint32_t));
  return memcmp(start_ + offset, words, bytes) == 0;
}

// After all that was written before: a mark that power cut short stays where it is.
abi::Status Slot::Append(const Mark& mark) const {
  abi::SlotMark record = {mark.sequence, static_cast<uint32_t>(mark.state), 0};
  record.crc = CrcOf(record);
  const abi::SlotMark* marks = FirstMark(start_);
  uint32_t free = MarkCount();
  while (free > 0 && IsErased(reinterpret_cast<const uint8_t*>(marks + free - 1), sizeof(*marks))) {
    --free;
  }
  if (free == MarkCount()) return abi::Status::kSlotFull;
  const auto offset =
      static_cast<uint32_t>(reinterpret_cast<const uint8_t*>(marks + free) - start_);
  return Write(offset, &record, sizeof(record)) ? abi::Status::kOk : abi::Status::kFlashFailed;
}

}  // namespace slots
}  // namespace tinydeploy
