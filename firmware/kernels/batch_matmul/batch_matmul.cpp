// BATCH_MATMUL: [..., rows, depth] x [..., depth, columns], batches broadcast by NumPy's rule.
#include "kernels/common/dot.h"
#include "kernels/common/quantization.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

constexpr int kBatchAxes = kMaxRank - 2;

// Strides in elements. `batch[i]` is 0 where the matrix is repeated.
struct Operand {
  int32_t batch[kBatchAxes];
  int32_t outer;  // from row to row of the left, from column to column of the right matrix
  int32_t depth;  // along the sum
};

struct BatchMatMulParams {
  int32_t batches[kBatchAxes];
  int32_t rows;
  int32_t depth;
  int32_t columns;
  Operand left;
  Operand right;
  int32_t left_offset;  // -zero point
  int32_t right_offset;
  int32_t output_offset;
  Multiplier factor;
};

inline int32_t Offset(int32_t value, int32_t offset) { return value + offset; }
inline float Offset(float value, int32_t) { return value; }

// Start of an operand's matrix for output batch `batch`, counted row-major over all batch axes.
int32_t MatrixAt(const BatchMatMulParams& p, const Operand& operand, int32_t batch) {
  int32_t at = 0;
  for (int i = kBatchAxes - 1; i >= 0; --i) {
    at += batch % p.batches[i] * operand.batch[i];
    batch /= p.batches[i];
  }
  return at;
}

template <class T, class Acc, class Finish>
Status Multiply(const void* params, void* const* args, Finish finish) {
  const auto& p = *static_cast<const BatchMatMulParams*>(params);
  auto* output = static_cast<T*>(args[2]);
  int32_t batches = 1;
  for (int32_t size : p.batches) batches *= size;
  for (int32_t b = 0; b < batches; ++b) {
    const T* left = static_cast<const T*>(args[0]) + MatrixAt(p, p.left, b);
    const T* right = static_cast<const T*>(args[1]) + MatrixAt(p, p.right, b);
    for (int32_t row = 0; row < p.rows; ++row) {
      for (int32_t column = 0; column < p.columns; ++column) {
        const T* x = left + row * p.left.outer;
        const T* y = right + column * p.right.outer;
        Acc acc = 0;
        for (int32_t k = 0; k < p.depth; ++k) {
          acc =
              Accumulated(acc, static_cast<Acc>(Offset(x[k * p.left.depth], p.left_offset)) *
                                   static_cast<Acc>(Offset(y[k * p.right.depth], p.right_offset)));
        }
        *output++ = finish(p, acc);
      }
    }
  }
  return Status::kOk;
}

Status EvalFloat(const void* params, void* const* args) {
  return Multiply<float, float>(params, args,
                                [](const BatchMatMulParams&, float sum) { return sum; });
}

template <class T, class Acc>
Status EvalQuantized(const void* params, void* const* args) {
  return Multiply<T, Acc>(params, args, [](const BatchMatMulParams& p, Acc sum) {
    const int32_t scaled = RescaleSum(sum, p.factor.multiplier, p.factor.shift);
    return static_cast<T>(Clamp<int32_t>(AddWrapping(scaled, p.output_offset),
                                         TypeLimit<T>::kLowest, TypeLimit<T>::kHighest));
  });
}

EvalFn ChooseEval(Type type) {
  switch (type) {
    case Type::kFloat32:
      return EvalFloat;
    case Type::kInt8:
      return EvalQuantized<int8_t, int32_t>;
    case Type::kInt16:
      return EvalQuantized<int16_t, int64_t>;
    default:
      return nullptr;
  }
}

// Strides over the batch axes of the output, innermost last.
bool SpreadBatches(const Shape& own, const Shape& output, int32_t* stride) {
  int32_t step = own[-1] * own[-2];
  for (int i = 0; i < kBatchAxes; ++i) stride[i] = 0;
  for (int i = 3; i <= own.rank; ++i) {
    if (own[-i] != output[-i] && own[-i] != 1) return false;
    stride[kBatchAxes + 2 - i] = own[-i] == 1 ? 0 : step;
    step *= own[-i];
  }
  return true;
}

bool LayOut(const PrepareContext& context, BatchMatMulParams* params) {
  enum : int { kTransposeLeft, kTransposeRight };
  const Shape left = context.input(0).shape;
  const Shape right = context.input(1).shape;
  const Shape output = context.output(0).shape;
  const bool left_turned = context.options().get<uint8_t>(kTransposeLeft, 0) != 0;
  const bool right_turned = context.options().get<uint8_t>(kTransposeRight, 0) != 0;
  const int rank = Max(left.rank, right.rank);
  if (left.rank < 2 || right.rank < 2 || output.rank != rank) return false;
  BatchMatMulParams& p = *params;
  p.rows = left[left_turned ? -1 : -2];
  p.depth = left[left_turned ? -2 : -1];
  p.columns = right[right_turned ? -2 : -1];
  p.left.outer = left_turned ? 1 : p.depth;
  p.left.depth = left_turned ? p.rows : 1;
  p.right.outer = right_turned ? p.depth : 1;
  p.right.depth = right_turned ? 1 : p.columns;
  for (int i = 0; i < kBatchAxes; ++i) {
    const int axis = i - (kBatchAxes - (rank - 2));
    p.batches[i] = axis < 0 ? 1 : output.dims[axis];
  }
  return right[right_turned ? -1 : -2] == p.depth && output[-2] == p.rows &&
         output[-1] == p.columns && SpreadBatches(left, output, p.left.batch) &&
         SpreadBatches(right, output, p.right.batch);
}

}  // namespace

Status PrepareBatchMatMul(PrepareContext& context) {
  const TensorView left = context.input(0);
  const TensorView right = context.input(1);
  const TensorView output = context.output(0);
  const EvalFn eval = ChooseEval(left.type);
  if (eval == nullptr || right.type != left.type || output.type != left.type) {
    return RefuseTypes(context);
  }
  context.SetEval(eval);
  auto* params = context.Params<BatchMatMulParams>();
  if (params == nullptr) return kNoMemory;
  if (!LayOut(context, params)) return RefuseShapes(context);
  if (left.type == Type::kFloat32) return Status::kOk;
  params->left_offset = -left.zero_point();
  params->right_offset = -right.zero_point();
  params->output_offset = output.zero_point();
  return QuantizeProduct(left.scale(), right.scale(), output.scale(), &params->factor)
             ? Status::kOk
             : RefuseQuantization(context);
}

}  // namespace tinydeploy
