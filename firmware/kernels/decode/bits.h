// A stream of bits, the highest one of each byte first. Past its end there are zeros.
#ifndef TINYDEPLOY_KERNELS_DECODE_BITS_H_
#define TINYDEPLOY_KERNELS_DECODE_BITS_H_

#include <stdint.h>

namespace tinydeploy {

class Bits {
 public:
  Bits(const void* data, uint32_t bytes)
      : data_(static_cast<const uint8_t*>(data)), size_(8 * static_cast<uint64_t>(bytes)) {}

  // The next `count` bits as a number, count in [0, 32].
  uint32_t Take(int count) {
    uint32_t value = 0;
    for (int i = 0; i < count; ++i, ++position_) {
      const int shift = static_cast<int>(~position_ & 7);
      const bool bit = position_ < size_ && (data_[position_ / 8] >> shift & 1);
      value = value << 1 | bit;
    }
    return value;
  }
  // Of those that were just taken.
  void PutBack(int count) { position_ -= static_cast<uint64_t>(count); }
  // What was taken and not put back was there.
  bool sound() const { return position_ <= size_; }

 private:
  const uint8_t* data_;
  uint64_t size_;
  uint64_t position_ = 0;
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_DECODE_BITS_H_
