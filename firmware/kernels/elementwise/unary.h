// What the operators on one input share.
#ifndef TINYDEPLOY_KERNELS_ELEMENTWISE_UNARY_H_
#define TINYDEPLOY_KERNELS_ELEMENTWISE_UNARY_H_

#include "kernels/common/quantization.h"
#include "runtime/prepare_context.h"

namespace tinydeploy {

struct UnaryParams {
  int32_t count;
  IntRange range;
  int32_t input_offset;  // -zero point
  int32_t output_offset;
  float alpha;  // slope for negative values
  FloatRange float_range;
  Multiplier positive;   // input scale / output scale
  Multiplier negative;   // the same times alpha
  int32_t input_radius;  // larger inputs saturate
};

struct UnaryEval {
  Type type;  // of input and output
  EvalFn eval;
};

// Checks types and shapes, picks the eval, fills count, range and offsets.
Status PrepareUnary(PrepareContext& context, const UnaryEval* evals, int count,
                    UnaryParams** params);

template <int kCount>
Status PrepareUnary(PrepareContext& context, const UnaryEval (&evals)[kCount],
                    UnaryParams** params) {
  return PrepareUnary(context, evals, kCount, params);
}

// output[i] = op(params, input[i])
template <class T, class Op>
Status EvalEach(const void* params, void* const* args, Op op) {
  const auto& p = *static_cast<const UnaryParams*>(params);
  const auto* input = static_cast<const T*>(args[0]);
  auto* output = static_cast<T*>(args[1]);
  for (int32_t i = 0; i < p.count; ++i) output[i] = static_cast<T>(op(p, input[i]));
  return Status::kOk;
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_ELEMENTWISE_UNARY_H_
