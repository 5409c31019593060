// 1 / sqrt(x) in fixed point, bit-exact with TFLM's.
#ifndef TINYDEPLOY_KERNELS_NORMALIZE_INVERSE_ROOT_H_
#define TINYDEPLOY_KERNELS_NORMALIZE_INVERSE_ROOT_H_

#include <stdint.h>

#include "kernels/common/fixed_point.h"

namespace tinydeploy {

// For an integer x; up to 1 it counts as 1.
Multiplier InverseRootOf(int32_t x);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_NORMALIZE_INVERSE_ROOT_H_
