// QUANTIZE (from float, or from one integer type to another) and DEQUANTIZE.
#ifndef TINYDEPLOY_KERNELS_QUANTIZE_QUANTIZE_H_
#define TINYDEPLOY_KERNELS_QUANTIZE_QUANTIZE_H_

#include <stdint.h>

#include "kernels/common/fixed_point.h"
#include "kernels/common/quantization.h"

namespace tinydeploy {

struct QuantizeParams {
  int32_t count;
  float scale;           // between float and integer
  Multiplier factor;     // between integers: input scale / output scale
  int32_t input_offset;  // -zero point
  int32_t output_offset;
  IntRange range;
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_QUANTIZE_QUANTIZE_H_
