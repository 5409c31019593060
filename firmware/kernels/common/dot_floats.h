// Sums of products of floats, several at a time: each input is loaded once for all, and each sum
// adds its terms one by one in their order, as TFLM does, so that it is equal to the last bit.
#ifndef TINYDEPLOY_KERNELS_COMMON_DOT_FLOATS_H_
#define TINYDEPLOY_KERNELS_COMMON_DOT_FLOATS_H_

#include <stdint.h>

namespace tinydeploy {

constexpr int kFloatsTogether = 4;

// Runs of inputs and of weights that are multiplied.
struct FloatRuns {
  const float* input;
  const float* weights;
  int32_t length;        // elements of a run
  int32_t count;         // runs
  int32_t input_step;    // elements from run to run
  int32_t weights_step;  // the same
};

// The sums of kCount rows of weights, `stride` apart, with the same input.
template <int kCount>
struct FloatSums {
  float sums[kCount] = {};

  // sums[k] += input[i] * weights[k * stride + i] for one i after the other, run after run
  // Not inlined: among a caller's variables the loop's would not stay in registers.
  __attribute__((noinline)) void Add(const FloatRuns& runs, int32_t stride) {
    FloatSums local = *this;
    const float* rows[kCount];
    for (int k = 0; k < kCount; ++k) rows[k] = runs.weights + k * stride;
    const float* input = runs.input;
    const int32_t to_next_input = runs.input_step - runs.length;
    const int32_t to_next_weights = runs.weights_step - runs.length;
    for (int32_t run = runs.count; run > 0; --run) {
      int32_t left = runs.length;
      for (; left >= 4; left -= 4, input += 4) local.template Step<4>(input, rows);
      if ((left & 2) != 0) {
        local.template Step<2>(input, rows);
        input += 2;
      }
      if ((left & 1) != 0) local.template Step<1>(input++, rows);
      input += to_next_input;
      for (int k = 0; k < kCount; ++k) rows[k] += to_next_weights;
    }
    *this = local;
  }

 private:
  template <int kDepth>
  void Step(const float* input, const float* (&rows)[kCount]) {
    float x[kDepth];
    for (int i = 0; i < kDepth; ++i) x[i] = input[i];
#pragma GCC unroll 4
    for (int k = 0; k < kCount; ++k) {
#pragma GCC unroll 4
      for (int i = 0; i < kDepth; ++i) sums[k] += x[i] * rows[k][i];
      rows[k] += kDepth;
    }
  }
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_DOT_FLOATS_H_
