#include "runtime/arena.h"

#include <string.h>

#include "abi/limits.h"
#include "runtime/red_zones.h"

namespace tinydeploy {
namespace {

constexpr uint32_t kMaxBytes = limits::kArenaBytes;

}  // namespace

Arena::Arena(void* memory, size_t bytes) {
  const uintptr_t address = reinterpret_cast<uintptr_t>(memory);
  const size_t skipped = (kArenaAlignment - address % kArenaAlignment) % kArenaAlignment;
  const size_t usable = memory == nullptr || bytes < skipped ? 0 : bytes - skipped;
  base_ = static_cast<uint8_t*>(memory) + (usable == 0 ? 0 : skipped);
  skipped_ = static_cast<uint32_t>(skipped);
  capacity_ = usable > INT32_MAX ? INT32_MAX : static_cast<uint32_t>(usable);
  capacity_ -= capacity_ % kArenaAlignment;
}

void Arena::Clear() {
  red_zones::Open(base_, capacity_);
  low_ = high_ = peak_ = 0;
  overflowed_ = false;
}

void Arena::Note() {
  if (low_ + high_ > peak_) peak_ = low_ + high_;
  if (peak_ > capacity_) overflowed_ = true;
}

void* Arena::Persistent(uint32_t bytes, uint32_t alignment) {
  if (bytes > kMaxBytes || high_ > kMaxBytes) {
    overflowed_ = true;
    return nullptr;
  }
  const uint32_t before = high_;
  high_ = AlignUp(high_ + bytes + red_zones::kGap, alignment);
  Note();
  uint8_t* memory = base_ + capacity_ - high_;
  if (overflowed_) {
    const uint32_t free = AlignUp(low_, kArenaAlignment);
    if (free > capacity_ || bytes > capacity_ - free) return nullptr;
    red_zones::Open(base_, capacity_);  // it may lie over what was handed out before
    memory = base_ + free;
  } else {
    red_zones::Close(memory + bytes, high_ - before - bytes);
  }
  memset(memory, 0, bytes);
  return memory;
}

void* Arena::Temporary(uint32_t bytes) {
  low_ += bytes;
  Note();
  if (overflowed_) red_zones::Open(base_, capacity_);  // it lies over what was handed out before
  return low_ > capacity_ ? nullptr : base_ + low_ - bytes;
}

bool Arena::Commit(uint32_t planned_bytes) {
  low_ = planned_bytes;
  Note();
  return !overflowed_;
}

}  // namespace tinydeploy
