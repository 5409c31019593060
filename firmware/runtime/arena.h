// One block of memory, used from both ends:
//
//   base                                                     base + capacity
//   | tensors and scratch, planned ->      free         <- persistent |
//   | bookkeeping while preparing  ->
//
// When it is too small the arena goes on counting, so that the caller learns how much would do.
#ifndef TINYDEPLOY_RUNTIME_ARENA_H_
#define TINYDEPLOY_RUNTIME_ARENA_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {

constexpr uint32_t kArenaAlignment = 16;  // of planned tensors, as TFLM's

constexpr uint32_t AlignUp(uint32_t value, uint32_t alignment) {
  return (value + alignment - 1) / alignment * alignment;
}

class Arena {
 public:
  Arena(void* memory, size_t bytes);

  // Zeroed memory that is kept, `alignment` at most 16. After an overflow it may be memory that the
  // next call hands out again, good enough to go on preparing; null if there is not even that.
  void* Persistent(uint32_t bytes, uint32_t alignment);
  // Adds to the bookkeeping at the low end, which stays in one piece; null if there is no room.
  void* Temporary(uint32_t bytes);
  // Gives back what Temporary added since `mark()` told this.
  uint32_t mark() const { return low_; }
  void Release(uint32_t mark) { low_ = mark; }
  // Ends preparing: the low end now belongs to the tensors. False if they do not fit.
  bool Commit(uint32_t planned_bytes);
  // Forgets everything.
  void Clear();

  uint8_t* base() const { return base_; }
  // Distance of persistent memory from the base.
  uint32_t OffsetOf(const void* pointer) const {
    return static_cast<uint32_t>(static_cast<const uint8_t*>(pointer) - base_);
  }
  uint32_t capacity() const { return capacity_; }
  bool overflowed() const { return overflowed_; }
  // Smallest arena (aligned to 16) that would have done so far.
  uint32_t needed_bytes() const { return AlignUp(peak_, kArenaAlignment) + skipped_; }

 private:
  void Note();

  uint8_t* base_;
  uint32_t capacity_;
  uint32_t skipped_;  // bytes lost to align the base
  uint32_t low_ = 0;
  uint32_t high_ = 0;
  uint32_t peak_ = 0;
  bool overflowed_ = false;
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_ARENA_H_
