// What the DSP instructions do: two int16 or four int8 lanes in a word, arithmetic modulo 2^32.
// One instruction each on Armv7E-M, portable C++ elsewhere.
#ifndef TINYDEPLOY_DSP_LANES_H_
#define TINYDEPLOY_DSP_LANES_H_

#include <stdint.h>

#if defined(__ARM_FEATURE_DSP)
#include <arm_acle.h>
#endif

namespace tinydeploy {

inline int32_t Bottom(uint32_t word) { return static_cast<int16_t>(word & 0xffff); }
inline int32_t Top(uint32_t word) { return static_cast<int16_t>(word >> 16); }

inline uint32_t Lanes(int32_t bottom, int32_t top) {
  return (static_cast<uint32_t>(top) << 16) | (static_cast<uint32_t>(bottom) & 0xffff);
}

// Byte `index` of a word, signed.
inline int32_t Byte(uint32_t word, int index) {
  return static_cast<int8_t>((word >> (8 * index)) & 0xff);
}

// Bytes 0 and 2, widened.
inline uint32_t Sxtb16(uint32_t word) {
#if defined(__ARM_FEATURE_DSP)
  return static_cast<uint32_t>(__sxtb16(static_cast<int8x4_t>(word)));
#else
  return Lanes(Byte(word, 0), Byte(word, 2));
#endif
}

// Bytes 1 and 3, widened.
inline uint32_t Sxtb16Odd(uint32_t word) { return Sxtb16(word >> 8 | word << 24); }

// Adds bytes 0 and 2, widened, to two int16 sums.
inline uint32_t Sxtab16(uint32_t sums, uint32_t word) {
#if defined(__ARM_FEATURE_DSP)
  return static_cast<uint32_t>(
      __sxtab16(static_cast<int16x2_t>(sums), static_cast<int8x4_t>(word)));
#else
  return Lanes(Bottom(sums) + Byte(word, 0), Top(sums) + Byte(word, 2));
#endif
}

// The same with bytes 1 and 3. Compilers shift first.
inline uint32_t Sxtab16Odd(uint32_t sums, uint32_t word) {
#if defined(__ARM_FEATURE_DSP)
  uint32_t result;
  asm("sxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(sums), "r"(word));
  return result;
#else
  return Sxtab16(sums, word >> 8);
#endif
}

// Half the sum of each two int8, rounded down.
inline uint32_t HalvingAddBytes(uint32_t a, uint32_t b) {
#if defined(__ARM_FEATURE_DSP)
  return static_cast<uint32_t>(__shadd8(static_cast<int8x4_t>(a), static_cast<int8x4_t>(b)));
#else
  uint32_t halves = 0;
  for (int i = 0; i < 4; ++i) {
    halves |= static_cast<uint32_t>((Byte(a, i) + Byte(b, i)) >> 1 & 0xff) << (8 * i);
  }
  return halves;
#endif
}

// The larger of each two int8.
inline uint32_t MaxBytes(uint32_t a, uint32_t b) {
#if defined(__ARM_FEATURE_DSP)
  uint32_t larger;
  asm("ssub8 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(larger) : "r"(a), "r"(b));
  return larger;
#else
  uint32_t larger = 0;
  for (int i = 0; i < 4; ++i) {
    const int32_t x = Byte(a, i), y = Byte(b, i);
    larger |= static_cast<uint32_t>((x > y ? x : y) & 0xff) << (8 * i);
  }
  return larger;
#endif
}

// The larger, and the smaller, of each two int16.
inline uint32_t MaxHalves(uint32_t a, uint32_t b) {
#if defined(__ARM_FEATURE_DSP)
  uint32_t larger;
  asm("ssub16 %0, %1, %2\n\tsel %0, %1, %2" : "=&r"(larger) : "r"(a), "r"(b));
  return larger;
#else
  return Lanes(Bottom(a) > Bottom(b) ? Bottom(a) : Bottom(b), Top(a) > Top(b) ? Top(a) : Top(b));
#endif
}

inline uint32_t MinHalves(uint32_t a, uint32_t b) {
#if defined(__ARM_FEATURE_DSP)
  uint32_t smaller;
  asm("ssub16 %0, %1, %2\n\tsel %0, %2, %1" : "=&r"(smaller) : "r"(a), "r"(b));
  return smaller;
#else
  return Lanes(Bottom(a) < Bottom(b) ? Bottom(a) : Bottom(b), Top(a) < Top(b) ? Top(a) : Top(b));
#endif
}

// The nearest int16.
inline int32_t Saturated16(int32_t x) {
#if defined(__ARM_FEATURE_DSP)
  return __ssat(x, 16);
#else
  return x < -32768 ? -32768 : x > 32767 ? 32767 : x;
#endif
}

// sum + the upper word of a * b, rounded to nearest, halves upwards.
inline int32_t MultiplyHighAdd(int32_t a, int32_t b, int32_t sum) {
#if defined(__ARM_FEATURE_DSP)
  int32_t high;
  asm("smmlar %0, %1, %2, %3" : "=r"(high) : "r"(a), "r"(b), "r"(sum));
  return high;
#else
  const int64_t product = static_cast<int64_t>(a) * b + (static_cast<int64_t>(1) << 31);
  return static_cast<int32_t>(static_cast<uint32_t>(sum) + static_cast<uint32_t>(product >> 32));
#endif
}

// sum + both products of lanes.
inline uint32_t MultiplyAdd(uint32_t a, uint32_t b, uint32_t sum) {
#if defined(__ARM_FEATURE_DSP)
  return static_cast<uint32_t>(
      __smlad(static_cast<int16x2_t>(a), static_cast<int16x2_t>(b), static_cast<int32_t>(sum)));
#else
  return sum + static_cast<uint32_t>(Bottom(a) * Bottom(b)) +
         static_cast<uint32_t>(Top(a) * Top(b));
#endif
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
