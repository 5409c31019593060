// How a slot lies in flash, and how it is read without trusting it.
//
// The first page has the header and, from kSlotMarksOffset on, marks one after the other. The
// payload starts with the second page: the .tflite, padded to 16 bytes, then the self-test vectors.
// Power may fail within any write or erase and leave anything behind, so each part that means
// something ends in its CRC, and a mark is the only thing that makes a model run.
#ifndef TINYDEPLOY_APP_SLOTS_LAYOUT_H_
#define TINYDEPLOY_APP_SLOTS_LAYOUT_H_

#include <stddef.h>
#include <stdint.h>

#include "abi/protocol.h"
#include "abi/slot_protocol.h"
#include "app/program.h"

namespace tinydeploy {
namespace slots {

constexpr int kSlots = 2;

struct Mark {
  abi::SlotState state = abi::SlotState::kEmpty;
  uint32_t sequence = 0;  // 0: there is no mark
};

// Of two marks' numbers, where 0 is none: they wrap from the last to 1, and no two marks
// that are there at a time are 2^31 apart.
inline bool IsNewer(uint32_t sequence, uint32_t than) {
  return sequence != 0 && (than == 0 || static_cast<int32_t>(sequence - than) > 0);
}
inline uint32_t NextSequence(uint32_t sequence) { return sequence + 1 == 0 ? 1 : sequence + 1; }

class Slot {
 public:
  explicit Slot(int index);

  static uint32_t Bytes();      // of each slot
  static uint32_t PageBytes();  // what one erase clears

  // The header is whole, and what it describes fits the slot. What follows needs this.
  bool HasHeader() const;
  const abi::SlotHeader& header() const;
  program::Model model() const;
  const uint8_t* vector(uint32_t index) const;

  // The payload is what its header says; reads all of it.
  bool IsWhole() const;
  // And the model is the one that the header's SHA-256 names, by who has the push key: before it
  // runs. OK, SLOT_NOT_WHOLE or SLOT_NOT_AUTHENTIC.
  abi::Status Check() const;
  bool IsGenuine() const { return Check() == abi::Status::kOk; }
  // The newest mark that is whole; needs a header, too: the marks of half a model mean nothing.
  Mark NewestMark() const;

  uint32_t PageCrc(uint32_t page) const;

  // These answer whether the flash holds what it should afterwards.
  bool ErasePage(uint32_t page) const;
  bool Write(uint32_t offset, const void* words, size_t bytes) const;

  // OK, SLOT_FULL or FLASH_FAILED.
  abi::Status Append(const Mark& mark) const;

 private:
  const uint8_t* payload() const;
  uint32_t ModelRoom() const;  // the model's length with its padding

  const uint8_t* start_;
};

}  // namespace slots
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_SLOTS_LAYOUT_H_
