#include "runtime/planner.h"

#include "runtime/arena.h"
#include "runtime/red_zones.h"

namespace tinydeploy {
namespace {

// No device has as much; with buffers of at most 2^28 bytes the sums stay inside 32 bits.
constexpr uint32_t kImpossible = 1u << 31;

// An offset from here on is the index of the buffer whose memory this one shares.
constexpr uint32_t kShared = kImpossible;

bool Waits(const Buffer& buffer) { return buffer.first >= 0 && buffer.offset == kUnplaced; }
bool Shares(const Buffer& buffer) { return buffer.offset >= kShared && buffer.offset != kUnplaced; }
bool IsPlaced(const Buffer& buffer) { return buffer.first >= 0 && buffer.offset < kShared; }
int Owner(const Buffer& buffer) { return static_cast<int>(buffer.offset - kShared); }

Buffer* LargestWaiting(Buffer* buffers, int count) {
  Buffer* largest = nullptr;
  for (Buffer* buffer = buffers; buffer != buffers + count; ++buffer) {
    if (Waits(*buffer) && (largest == nullptr || buffer->bytes > largest->bytes)) largest = buffer;
  }
  return largest;
}

uint32_t End(const Buffer& buffer) {
  return AlignUp(buffer.offset + buffer.bytes, kArenaAlignment) + red_zones::kGap;
}

// A placed buffer in the way of `buffer` at `offset`, or null.
const Buffer* InTheWay(const Buffer* buffers, int count, const Buffer& buffer, uint32_t offset) {
  const uint32_t end = offset + AlignUp(buffer.bytes, kArenaAlignment) + red_zones::kGap;
  for (const Buffer* other = buffers; other != buffers + count; ++other) {
    if (IsPlaced(*other) && other->first <= buffer.last && buffer.first <= other->last &&
        other->offset < end && offset < End(*other)) {
      return other;
    }
  }
  return nullptr;
}

// Bytes up to the end of what has its place already and takes some.
uint32_t PlacedBytes(const Buffer* buffers, int count) {
  uint32_t bytes = 0;
  for (const Buffer* buffer = buffers; buffer != buffers + count; ++buffer) {
    if (IsPlaced(*buffer) && buffer->last >= 0 && End(*buffer) > bytes) bytes = End(*buffer);
  }
  return bytes;
}

}  // namespace

void ShareMemory(Buffer* buffers, int earlier, int later) {
  const Buffer& from = buffers[earlier];
  const int owner = Shares(from) ? Owner(from) : earlier;
  buffers[later].offset = kShared + static_cast<uint32_t>(owner);
  buffers[owner].last = buffers[later].last;
}

uint32_t PlanBuffers(Buffer* buffers, int count) {
  uint32_t needed = PlacedBytes(buffers, count);
  while (Buffer* buffer = needed < kImpossible ? LargestWaiting(buffers, count) : nullptr) {
    uint32_t offset = 0;
    // Any place before the end of what is in the way would overlap it too: go on after it.
    while (const Buffer* other = InTheWay(buffers, count, *buffer, offset)) offset = End(*other);
    buffer->offset = offset;
    if (End(*buffer) > needed) needed = End(*buffer);
  }
  for (Buffer* buffer = buffers; buffer != buffers + count; ++buffer) {
    if (Shares(*buffer)) buffer->offset = buffers[Owner(*buffer)].offset;
  }
  return needed;
}

}  // namespace tinydeploy
