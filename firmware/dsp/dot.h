// Dot products of the compiled engine: int16 activations times packed int8 weights, requantized.
//
// Weights of two output channels share a 16-bit lane, 256*B + A. A word brings two depths of both:
//   raw += word . x             (SMLAD)  sums 256*B.x + A.x
//   low += sxtb16(word) . x     (SMLAD)  sums A.x, so that 256*B.x = raw - low, exactly,
// while |A.x|, |B.x| < 2^23. Nothing is unpacked, and int8 weights stay at one byte each.
//
// Requantization takes a = 256*acc and three numbers of a channel, and equals TFLM's
// MultiplyByQuantizedMultiplier (two roundings) plus output offset and clamp to int8:
//   positive:  y = (((a * multiplier) >> 32) + constant) >> shift
//   signed:    the same with y - 128 before the last shift where a < 0
// "positive" holds where no value below the offset survives the clamp (output zero point -128, as
// after every ReLU). scripts/tinydeploy/lower/pack.py makes the numbers and says when they are exact.
//
// The Armv7E-M bodies are in dot_armv7em.cpp, portable bodies in dot_portable.cpp.
#ifndef TINYDEPLOY_DSP_DOT_H_
#define TINYDEPLOY_DSP_DOT_H_

#include <stdint.h>

namespace tinydeploy {

constexpr int32_t kQuad = 4;        // channels of one group of DotPair
constexpr int32_t kQuadWords = 13;  // of a group, besides weights: 4 starts, 4 x 2 constants, shifts
constexpr int32_t kOctet = 8;       // channels of one group of DotOne
constexpr int32_t kOctetWords = 26;

// Two pixels times `quads` groups of four channels.
//
// columns: `steps` x {pixel 0, pixel 1} words of two int16 each, as td_gather writes them.
// stream: a group = {low, raw, low, raw} starts (bias), `steps` x 2 weight words, {multiplier,
//   constant} x 4, four shifts in a word (channel 0 in the low byte).
// out0, out1: 4 * quads int8 each; where they are equal, pixel 0 is what stays.
// Returns the stream behind the last group.
using DotPair = const uint32_t*(const uint32_t* columns, const uint32_t* stream, int8_t* out0,
                                int8_t* out1, int32_t steps, int32_t quads);

// One pixel times `octets` groups of eight channels; `steps` is even.
//
// columns: `steps` words of two int16, as td_widen writes them.
// stream: a group = {low, raw} x 4 starts, `steps` x 4 weight words, {multiplier, constant} x 8,
//   two words of four shifts.
using DotOne = const uint32_t*(const uint32_t* columns, const uint32_t* stream, int8_t* out,
                               int32_t steps, int32_t octets);

extern "C" {

DotPair td_dot_pair_positive;
DotPair td_dot_pair_signed;
DotOne td_dot_one_positive;
DotOne td_dot_one_signed;

// Widens 4 * words int8 of each of `count` rows, from rows[i] + offset on, for one of DotPair's two
// pixels: of each four {0 1 2 3} come the words {0 2}, {1 3}, every other word from `out` on.
// count, words > 0. Returns where the next word of this pixel belongs.
uint32_t* td_gather(const int8_t* const* rows, int32_t offset, int32_t count, int32_t words,
                    uint32_t* out);

// The same for one row into adjacent words, for DotOne; returns behind 2 * words words.
uint32_t* td_widen(const int8_t* row, int32_t words, uint32_t* out);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_DOT_H_
