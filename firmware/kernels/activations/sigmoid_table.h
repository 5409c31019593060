// The logistic function and tanh for int16 by a table with linear interpolation, as TFLM computes
// them.
#ifndef TINYDEPLOY_KERNELS_ACTIVATIONS_SIGMOID_TABLE_H_
#define TINYDEPLOY_KERNELS_ACTIVATIONS_SIGMOID_TABLE_H_

#include <stdint.h>

namespace tinydeploy {

// `scaled` / 2^shift is the input in steps of 1/(3 * 4096); the result has 15 fraction bits.
int32_t LogisticInt16(int32_t scaled, int shift);
int32_t TanhInt16(int32_t scaled, int shift);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_ACTIVATIONS_SIGMOID_TABLE_H_
