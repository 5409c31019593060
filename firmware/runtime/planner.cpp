#include "runtime/planner.h"

#include "runtime/arena.h"

namespace tinydeploy {
namespace {

// No device has as much; with buffers of at most 2^28 bytes the sums stay inside 32 bits.
constexpr uint32_t kImpossible = 1u << 31;

bool Waits(const Buffer& buffer) { return buffer.first >= 0 && buffer.offset == kUnplaced; }
bool IsPlaced(const Buffer& buffer) { return buffer.first >= 0 && buffer.offset != kUnplaced; }

Buffer* LargestWaiting(Buffer* buffers, int count) {
  Buffer* largest = nullptr;
  for (Buffer* buffer = buffers; buffer != buffers + count; ++buffer) {
    if (Waits(*buffer) && (largest == nullptr || buffer->bytes > largest->bytes)) largest = buffer;
  }
  return largest;
}

uint32_t End(const Buffer& buffer) {
  return buffer.offset + AlignUp(buffer.bytes, kArenaAlignment);
}

// A placed buffer in the way of `buffer` at `offset`, or null.
const Buffer* InTheWay(const Buffer* buffers, int count, const Buffer& buffer, uint32_t offset) {
  const uint32_t end = offset + AlignUp(buffer.bytes, kArenaAlignment);
  for (const Buffer* other = buffers; other != buffers + count; ++other) {
    if (IsPlaced(*other) && other->first <= buffer.last && buffer.first <= other->last &&
        other->offset < end && offset < End(*other)) {
      return other;
    }
  }
  return nullptr;
}

}  // namespace

uint32_t PlanBuffers(Buffer* buffers, int count) {
  uint32_t needed = 0;
  while (Buffer* buffer = needed < kImpossible ? LargestWaiting(buffers, count) : nullptr) {
    uint32_t offset = 0;
    // Any place before the end of what is in the way would overlap it too: go on behind it.
    while (const Buffer* other = InTheWay(buffers, count, *buffer, offset)) offset = End(*other);
    buffer->offset = offset;
    if (End(*buffer) > needed) needed = End(*buffer);
  }
  return needed;
}

}  // namespace tinydeploy
