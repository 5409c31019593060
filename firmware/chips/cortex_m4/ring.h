#ifndef TINYDEPLOY_CHIPS_CORTEX_M4_RING_H_
#define TINYDEPLOY_CHIPS_CORTEX_M4_RING_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {

// Bytes from an interrupt (Push) to the program (Pop). One core, one writer, one reader: no locks.
template <uint16_t kCapacity>
class Ring {
  static_assert((kCapacity & (kCapacity - 1)) == 0, "indices wrap by masking");

 public:
  // Only when not full.
  void Push(uint8_t byte) {
    const uint16_t head = head_;
    bytes_[head & (kCapacity - 1)] = byte;
    head_ = static_cast<uint16_t>(head + 1);
  }

  size_t Pop(uint8_t* data, size_t capacity) {
    uint16_t tail = tail_;
    size_t taken = 0;
    while (taken < capacity && tail != head_) data[taken++] = bytes_[tail++ & (kCapacity - 1)];
    tail_ = tail;
    return taken;
  }

  bool empty() const { return head_ == tail_; }
  bool full() const { return static_cast<uint16_t>(head_ - tail_) == kCapacity; }
  void Clear() { tail_ = head_; }

 private:
  volatile uint16_t head_ = 0;  // written by Push only
  volatile uint16_t tail_ = 0;  // written by Pop only
  volatile uint8_t bytes_[kCapacity] = {};
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_CORTEX_M4_RING_H_
