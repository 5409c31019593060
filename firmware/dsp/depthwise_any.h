// Depthwise convolution of any kernel size and stride, multiplier 1, int8 -> int8, NHWC, by planes.
//
// As depthwise.h, but the planes of four channels hold the whole image, and the loops are C++:
// lines 2j and 2j+1 share a word, so that one word of weights covers two rows of the kernel. An
// output and the one below it use the same words of the planes with two sets of weights. A dilated
// kernel is a larger one with zeros.
#ifndef TINYDEPLOY_DSP_DEPTHWISE_ANY_H_
#define TINYDEPLOY_DSP_DEPTHWISE_ANY_H_

#include <stdint.h>

#include "abi/params.h"

namespace tinydeploy {

// Words that the kernel and the one below it cover in a column of words.
constexpr int32_t DepthwiseTaps(int32_t kernel_height, int32_t stride_height) {
  return (kernel_height + stride_height + 1) / 2;
}

constexpr int32_t DepthwiseAnyScratchBytes(int32_t out_height, int32_t out_width,
                                           int32_t kernel_height, int32_t kernel_width,
                                           int32_t stride_height, int32_t stride_width) {
  const int32_t taps = DepthwiseTaps(kernel_height, stride_height);
  const int32_t columns = ((out_height + 1) / 2 - 1) * stride_height + taps;
  return 16 * columns * ((out_width - 1) * stride_width + kernel_width) + 8 * kernel_width * taps;
}

// How td_depthwise_taps walks over the planes.
struct DepthwiseTapsShape {
  int32_t kernel_width, taps;
  int32_t column;  // bytes to the word two lines below
  int32_t second;  // bytes to the words of the second position
};

extern "C" {

// Two outputs, one above the other, at two positions: sums[0] is what each starts with, the results
// are upper and lower of the first, upper and lower of the second. words: the first's upper left;
// weights: kernel_width x taps pairs of words for upper and lower.
void td_depthwise_taps(const uint32_t* words, const uint32_t* weights, uint32_t* sums,
                       const DepthwiseTapsShape* shape);

// records: of each channel the words {start, multiplier, constant, shift}, then its weights
// [kernel_ width, kernel_height], filled up to a multiple of 4 (pack.py: pack_depthwise_any).
// `input` may be `output` if their shapes are equal. scratch: DepthwiseAnyScratchBytes, aligned
// to 4. Reads up to 3 bytes past `input`.
void td_depthwise_any(const DepthwiseAnyParams* params, const int8_t* input,
                      const uint32_t* records, int8_t* output, uint32_t* scratch);

}  // extern "C"
}  // namespace tinydeploy

#endif  // TINYDEPLOY_DSP_DEPTHWISE_ANY_H_
