// What the DSP instructions do, in portable C++: two int16 lanes in a word, arithmetic modulo 2^32.
#ifndef TINYDEPLOY_DSP_LANES_H_
#define TINYDEPLOY_DSP_LANES_H_

#include <stdint.h>

namespace tinydeploy {

inline int32_t Bottom(uint32_t word) { return static_cast<int16_t>(word & 0xffff); }
inline int32_t Top(uint32_t word) { return static_cast<int16_t>(word >> 16); }

inline uint32_t Lanes(int32_t bottom, int32_t top) {
  return (static_cast<uint32_t>(top) << 16) | (static_cast<uint32_t>(bottom) & 0xffff);
}

inline uint32_t Sxtb16(uint32_t word) {
  return Lanes(static_cast<int8_t>(word & 0xff), static_cast<int8_t>((word >> 16) & 0xff));
}

inline uint32_t Smlad(uint32_t a, uint32_t b, uint32_t sum) {
  return sum + static_cast<uint32_t>(Bottom(a) * Bottom(b)) +
         static_cast<uint32_t>(Top(a) * Top(b));
}

// Requantization of dot.h. accumulator: 256 times the sum, as int32.
inline int32_t ScaleWide(uint32_t accumulator, uint32_t multiplier, uint32_t constant,
                         uint32_t shift, bool is_signed) {
  const auto a = static_cast<int32_t>(accumulator);
  const int64_t product = static_cast<int64_t>(a) * static_cast<int32_t>(multiplier);
  uint32_t y = static_cast<uint32_t>(product >> 32) + constant;
  if (is_signed && a < 0) y -= 128;
  return static_cast<int32_t>(y) >> shift;
}

// The same with 128 in `constant`, to int8.
inline int8_t Scale(uint32_t accumulator, uint32_t multiplier, uint32_t constant, uint32_t shift,
                    bool is_signed) {
  const int32_t y = ScaleWide(accumulator, multiplier, constant, shift, is_signed);
  return static_cast<int8_t>((y < 0 ? 0 : y > 255 ? 255 : y) - 128);
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_LANES_H_
