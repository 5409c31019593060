// SOFTMAX over the last dimension.
#ifndef TINYDEPLOY_KERNELS_SOFTMAX_SOFTMAX_H_
#define TINYDEPLOY_KERNELS_SOFTMAX_SOFTMAX_H_

#include <stdint.h>

#include "kernels/common/fixed_point.h"
#include "kernels/common/quantization.h"
#include "runtime/status.h"

namespace tinydeploy {

struct SoftmaxParams {
  int32_t rows;
  int32_t depth;
  float beta;                 // float32
  Multiplier input_scale;     // int8: beta * scale, to 5 integer bits; int16: to the table's range
  int32_t lowest_difference;  // int8: smaller ones count as exp = 0
};

Status EvalSoftmaxInt8(const void* params, void* const* args);
Status EvalSoftmaxInt8ToInt16(const void* params, void* const* args);
// Tables follow the params.
Status EvalSoftmaxInt16(const void* params, void* const* args);
Status EvalSoftmaxFloat(const void* params, void* const* args);

uint32_t SoftmaxTableBytes();
// Fills the tables and the scale; false if it is out of range.
bool PrepareSoftmaxInt16(float beta, float scale, SoftmaxParams* params);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_SOFTMAX_SOFTMAX_H_
