// Dot products of int16 activations and int8 weights, requantized to int16: zero points are 0.
//
// Sums are kept in 32 bits: the host (scripts/tinydeploy/lower/packing/weights_int16.py) proves for
// every layer that none leaves them, so that they equal TFLM's sums of 64 bits. A word of weights
// has two depths of two channels, {A0 B0 A1 B1}: SXTB16 of it and of it turned by a byte gives what
// SMLAD takes.
//
// TFLM scales a sum of 64 bits by a multiplier of 16 bits and rounds once, halves upwards. With the
// multiplier in the high half of a word that is one instruction: SMMULR, the upper word of
// (sum << left) * multiplier + 2^31.
#ifndef TINYDEPLOY_DSP_DOT16_H_
#define TINYDEPLOY_DSP_DOT16_H_

#include <stdint.h>

#include "dsp/lanes.h"

namespace tinydeploy {

constexpr int32_t kQuad16 = 4;  // channels of a group
constexpr int32_t kTurn = 4;    // steps that the loop of DotPairs16 takes at a time

struct DotShape16 {
  int32_t steps;        // of two depths, a multiple of kTurn
  int32_t quads;        // groups of four channels
  int32_t pairs;        // of pixels
  int32_t pixel_bytes;  // from the output of a pixel to that of the next; 0: pixel 0 alone counts
  int32_t left;         // shift of the sums
  int32_t lowest, highest;  // of the output, for `clamped`
};

// Pairs of pixels times groups of four channels.
//
// columns: for each pair `steps` x {pixel 0, pixel 1} words of two int16 each.
// stream: a group = four starts (bias), `steps` x 2 weight words, four multipliers.
// Returns the stream after the last group.
using DotPairs16 = const uint32_t*(const uint32_t* columns, const uint32_t* stream, int16_t* out,
                                   const DotShape16* shape);

extern "C" {

DotPairs16 td_dot16_signed;    // all of int16
DotPairs16 td_dot16_positive;  // [0, 32767]
DotPairs16 td_dot16_clamped;   // [lowest, highest]

}  // extern "C"

// The upper word of a * b, rounded to nearest, halves upwards.
inline int32_t MultiplyHigh(int32_t a, int32_t b) {
#if defined(__ARM_FEATURE_DSP)
  int32_t high;
  asm("smmulr %0, %1, %2" : "=r"(high) : "r"(a), "r"(b));
  return high;
#else
  return static_cast<int32_t>((static_cast<int64_t>(a) * b + (static_cast<int64_t>(1) << 31)) >>
                              32);
#endif
}

// What four channels hold while they are summed up.
struct Quad16 {
  int32_t sums[kQuad16];

  void Start(const uint32_t* starts) {
    for (int i = 0; i < kQuad16; ++i) sums[i] = static_cast<int32_t>(starts[i]);
  }
  // Two depths of one pixel.
  void Add(uint32_t x, uint32_t weights_01, uint32_t weights_23) {
    Put(0, x, Sxtb16(weights_01));
    Put(1, x, Sxtb16(Turned(weights_01)));
    Put(2, x, Sxtb16(weights_23));
    Put(3, x, Sxtb16(Turned(weights_23)));
  }
  int16_t Output(int i, uint32_t multiplier, int32_t left, int32_t lowest, int32_t highest) const {
    const auto sum = static_cast<int32_t>(static_cast<uint32_t>(sums[i]) << left);
    const int32_t y = MultiplyHigh(sum, static_cast<int32_t>(multiplier));
    return static_cast<int16_t>(y < lowest ? lowest : y > highest ? highest : y);
  }

 private:
  static uint32_t Turned(uint32_t word) { return (word >> 8) | (word << 24); }
  void Put(int i, uint32_t x, uint32_t weights) {
    sums[i] = static_cast<int32_t>(MultiplyAdd(x, weights, static_cast<uint32_t>(sums[i])));
  }
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_DOT16_H_
