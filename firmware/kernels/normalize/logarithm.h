// ln(x) in fixed point, bit-exact with TFLM's.
#ifndef TINYDEPLOY_KERNELS_NORMALIZE_LOGARITHM_H_
#define TINYDEPLOY_KERNELS_NORMALIZE_LOGARITHM_H_

#include <stdint.h>

namespace tinydeploy {

// For x >= 1 with `input_bits` integer bits; the result has `output_bits`.
int32_t LogOfAtLeastOne(int32_t x, int input_bits, int output_bits);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_NORMALIZE_LOGARITHM_H_
