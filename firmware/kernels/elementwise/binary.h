// What the operators on two broadcast inputs share.
#ifndef TINYDEPLOY_KERNELS_ELEMENTWISE_BINARY_H_
#define TINYDEPLOY_KERNELS_ELEMENTWISE_BINARY_H_

#include "kernels/common/quantization.h"
#include "kernels/elementwise/broadcast.h"
#include "runtime/prepare_context.h"

namespace tinydeploy {

// Integer arithmetic on real values: each input to a common scale, the result to the output's.
struct BinaryParams {
  Broadcast broadcast;
  IntRange range;
  FloatRange float_range;
  int32_t offset[2];  // -zero point of each input
  int32_t output_offset;
  int32_t left_shift;  // headroom given to the inputs
  Multiplier input[2];
  Multiplier output;
};

// The eval function for a type of the inputs, null if there is none. `output` may differ from
// `input` (comparisons).
struct BinaryEval {
  Type input;
  Type output;
  EvalFn eval;
};

// Checks types and shapes, picks the eval, fills broadcast and offsets.
Status PrepareBinary(PrepareContext& context, const BinaryEval* evals, int count,
                     BinaryParams** params);

template <int kCount>
Status PrepareBinary(PrepareContext& context, const BinaryEval (&evals)[kCount],
                     BinaryParams** params) {
  return PrepareBinary(context, evals, kCount, params);
}

// The fused activation in option field 0, for the output's type.
Status FillActivation(PrepareContext& context, BinaryParams* params);

// Runs op(params, a, b) over all pairs.
template <class In, class Out, class Op>
Status EvalPairs(const void* params, void* const* args, Op op) {
  const auto& p = *static_cast<const BinaryParams*>(params);
  ForEachPair(p.broadcast, static_cast<const In*>(args[0]), static_cast<const In*>(args[1]),
              static_cast<Out*>(args[2]),
              [&](In a, In b) { return static_cast<Out>(op(p, a, b)); });
  return Status::kOk;
}

// The inputs on their common scale.
inline int32_t Common(const BinaryParams& p, int input, int32_t value) {
  const int32_t shifted = ShiftLeft(AddWrapping(value, p.offset[input]), p.left_shift);
  return Rescale(shifted, p.input[input]);
}

// A result on the output's scale.
inline int32_t ToOutput(const BinaryParams& p, int32_t value) {
  return Clamp(AddWrapping(Rescale(value, p.output), p.output_offset), p.range.lowest,
               p.range.highest);
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_ELEMENTWISE_BINARY_H_
