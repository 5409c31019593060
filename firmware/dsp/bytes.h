// Copies of a few dozen bytes without the C library, whose versions go byte by byte on some
// targets.
#ifndef TINYDEPLOY_DSP_BYTES_H_
#define TINYDEPLOY_DSP_BYTES_H_

#include <stdint.h>

namespace tinydeploy {

// A word at any address: Armv7-M loads and stores it in one instruction.
struct __attribute__((packed, may_alias)) UnalignedWord {
  uint32_t value;
};

inline uint32_t LoadWord(const void* from) {
  return static_cast<const UnalignedWord*>(from)->value;
}

inline void StoreWord(void* to, uint32_t word) { static_cast<UnalignedWord*>(to)->value = word; }

// Keeps the compiler from seeing through a loop: it would unroll it, or call memcpy or memset in
// its place.
inline void Opaque(int32_t* value) { asm volatile("" : "+r"(*value)); }

inline int8_t* CopyBytes(int8_t* to, const int8_t* from, int32_t count) {
  int32_t i = 0;
  for (; i + 16 <= count; i += 16) {
    const uint32_t a = LoadWord(from + i), b = LoadWord(from + i + 4);
    const uint32_t c = LoadWord(from + i + 8), d = LoadWord(from + i + 12);
    StoreWord(to + i, a), StoreWord(to + i + 4, b);
    StoreWord(to + i + 8, c), StoreWord(to + i + 12, d);
    Opaque(&i);
  }
  for (; i + 4 <= count; i += 4) {
    StoreWord(to + i, LoadWord(from + i));
    Opaque(&i);
  }
  for (; i < count; ++i) {
    to[i] = from[i];
    Opaque(&i);
  }
  return to + count;
}

inline int8_t* FillBytes(int8_t* to, int8_t value, int32_t count) {
  const uint32_t word = 0x01010101u * static_cast<uint8_t>(value);
  int32_t i = 0;
  for (; i + 4 <= count; i += 4) {
    StoreWord(to + i, word);
    Opaque(&i);
  }
  for (; i < count; ++i) {
    to[i] = value;
    Opaque(&i);
  }
  return to + count;
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_BYTES_H_
