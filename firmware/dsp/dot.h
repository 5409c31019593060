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
// after every ReLU). scripts/tinydeploy/lower/packing makes the numbers and says when they are
// exact.
//
// The Armv7E-M bodies are in dot_armv7em.cpp, portable bodies in dot_portable.cpp.
#ifndef TINYDEPLOY_DSP_DOT_H_
#define TINYDEPLOY_DSP_DOT_H_

#include <stdint.h>

namespace tinydeploy {

constexpr int32_t kQuad = 4;   // channels of one group of DotPairs
constexpr int32_t kOctet = 8;  // channels of one group of DotOne
// Words of a group besides its weights: a start and two constants a channel, and the shifts.
constexpr int32_t kQuadWords = 13;
constexpr int32_t kOctetWords = 26;

struct DotShape {
  int32_t steps;        // of two depths
  int32_t quads;        // groups of four channels
  int32_t pairs;        // of pixels
  int32_t pixel_bytes;  // from the output of a pixel to that of the next; 0: pixel 0 alone counts
};

// Pairs of pixels times groups of four channels.
//
// columns: for each pair `steps` x {pixel 0, pixel 1} words of two int16 each, as td_gather writes
//   them.
// stream: a group = {low, raw, low, raw} starts (bias), `steps` x 2 weight words, {multiplier,
//   constant} x 4, four shifts in a word (channel 0 in the low byte).
// Returns the stream after the last group.
using DotPairs = const uint32_t*(const uint32_t* columns, const uint32_t* stream, int8_t* out,
                                 const DotShape* shape);

// One pixel times `octets` groups of eight channels; `steps` is even.
//
// columns: `steps` words of two int16, as td_widen writes them.
// stream: a group = {low, raw} x 4 starts, `steps` x 4 weight words, {multiplier, constant} x 8,
//   two words of four shifts.
using DotOne = const uint32_t*(const uint32_t* columns, const uint32_t* stream, int8_t* out,
                               int32_t steps, int32_t octets);

extern "C" {

DotPairs td_dot_pairs_positive;
DotPairs td_dot_pairs_signed;
DotOne td_dot_one_positive;
DotOne td_dot_one_signed;

// The same with less unrolled: 784 and 952 bytes less each, a sixth more cycles.
DotPairs td_dot_pairs_positive_compact;
DotPairs td_dot_pairs_signed_compact;
DotOne td_dot_one_positive_compact;
DotOne td_dot_one_signed_compact;

struct GatherShape {
  int32_t rows;        // of the kernel
  int32_t words;       // of four int8, in a row of the kernel
  int32_t pixel_step;  // bytes from pixel to pixel in a row of the input
  int32_t pair_bytes;  // 8 * steps
};

// Widens patches of `pixels` > 0 neighbours into columns of DotPairs. A patch is shape->words words
// of each row, from rows[i] + offset on; of each four int8 {0 1 2 3} come the words {0 2}, {1 3}.
// out: where the first pixel belongs; columns are aligned to 8, so that bit 2 tells pixel 0 from 1.
// Returns where the next pixel belongs.
uint32_t* td_gather(const int8_t* const* rows, const GatherShape* shape, int32_t offset,
                    int32_t pixels, uint32_t* out);

// Widens one row into adjacent words, for DotOne; returns the place after 2 * words words.
uint32_t* td_widen(const int8_t* row, int32_t words, uint32_t* out);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_DOT_H_
