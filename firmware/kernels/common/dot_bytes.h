// Sums of products of int8, four bytes a load and two products an instruction where the CPU has
// them. Modulo 2^32, like Dot.
#ifndef TINYDEPLOY_KERNELS_COMMON_DOT_BYTES_H_
#define TINYDEPLOY_KERNELS_COMMON_DOT_BYTES_H_

#include <stdint.h>

#include "dsp/bytes.h"
#include "dsp/lanes.h"

namespace tinydeploy {

// An offset for each of two lanes; in [-255, 255], so that no lane overflows.
inline uint32_t OffsetLanes(int32_t offset) { return Lanes(offset, offset); }

// Four int8 as two pairs of lanes.
struct Widened {
  uint32_t even;  // bytes 0 and 2
  uint32_t odd;   // bytes 1 and 3
};

inline uint32_t RotateByte(uint32_t word) { return (word >> 8) | (word << 24); }
inline Widened Widen(uint32_t word) { return {Sxtb16(word), Sxtb16(RotateByte(word))}; }
inline Widened WidenAndAdd(uint32_t word, uint32_t offsets) {
  return {Sxtab16(offsets, word), Sxtab16(offsets, RotateByte(word))};
}

// The sums of kCount rows of weights, `stride` apart, with the same input.
template <int kCount>
struct ByteSums {
  uint32_t sums[kCount] = {};

  // sums[k] += sum of (input[i] + offset) * weights[k * stride + i]
  // Not inlined: among a caller's variables the loop's would not stay in registers.
  __attribute__((noinline)) void Add(const int8_t* input, const int8_t* weights, int32_t stride,
                                     int32_t count, uint32_t offsets) {
    ByteSums local = *this;  // in registers: the weights might lie over what `this` points to
    const int8_t* const end = input + count;
    for (; end - input >= 4; input += 4, weights += 4) {
      const Widened x = WidenAndAdd(LoadWord(input), offsets);
#pragma GCC unroll 4
      for (int k = 0; k < kCount; ++k) {
        const Widened w = Widen(LoadWord(weights + k * stride));
        local.sums[k] = MultiplyAdd(x.odd, w.odd, MultiplyAdd(x.even, w.even, local.sums[k]));
      }
    }
    for (; input < end; ++input, ++weights) {
      const int32_t x = *input + Bottom(offsets);
#pragma GCC unroll 4
      for (int k = 0; k < kCount; ++k) {
        local.sums[k] += static_cast<uint32_t>(x * weights[k * stride]);
      }
    }
    *this = local;
  }
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_DOT_BYTES_H_
