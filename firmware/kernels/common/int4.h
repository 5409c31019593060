// Weights of 4 bits: two to a byte, the lower half first. They are unpacked for each run into
// scratch memory, the argument after the output, as in TFLM.
#ifndef TINYDEPLOY_KERNELS_COMMON_INT4_H_
#define TINYDEPLOY_KERNELS_COMMON_INT4_H_

#include <stdint.h>

#include "runtime/prepare_context.h"

namespace tinydeploy {

// Memory for the unpacked weights, if they are of 4 bits.
inline Status ReserveUnpacked(PrepareContext& context, int weights) {
  const TensorView view = context.input(weights);
  if (view.type != Type::kInt4) return Status::kOk;
  return context.Scratch(static_cast<uint32_t>(view.shape.elements()));
}

inline void UnpackInt4(const uint8_t* packed, int32_t count, int8_t* values) {
  for (int32_t i = 0; i < count; ++i) {
    const int nibble = packed[i / 2] >> (4 * (i & 1)) & 0xF;
    values[i] = static_cast<int8_t>((nibble ^ 8) - 8);
  }
}

// Runs the eval function for int8 weights of an operator with the arguments input, weights, bias,
// output on `count` unpacked ones.
inline Status EvalUnpacked(EvalFn eval, const void* params, void* const* args, int32_t count) {
  enum : int { kInput, kWeights, kBias, kOutput, kScratch };
  UnpackInt4(static_cast<const uint8_t*>(args[kWeights]), count,
             static_cast<int8_t*>(args[kScratch]));
  void* const unpacked[] = {args[kInput], args[kScratch], args[kBias], args[kOutput]};
  return eval(params, unpacked);
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_INT4_H_
