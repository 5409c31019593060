// SPACE_TO_BATCH_ND and BATCH_TO_SPACE_ND: pixels between one padded image and several small ones.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/layout/axes.h"

namespace tinydeploy {
namespace {

// `large` are the images before SPACE_TO_BATCH_ND, `small` those after it.
struct BatchBlocksParams {
  int32_t large_batches;
  int32_t large[2];  // height, width
  int32_t small[2];
  int32_t block[2];
  int32_t before[2];  // padding above and left of the large image, or crop
  int32_t pixel_bytes;
};

// Where pixel (y, x) of small image `batch` lies in the large images; null if in the padding.
const uint8_t* LargePixel(const BatchBlocksParams& p, const uint8_t* large, int32_t batch,
                          int32_t y, int32_t x) {
  const int32_t block = batch / p.large_batches;
  const int32_t row = y * p.block[0] + block / p.block[1] - p.before[0];
  const int32_t column = x * p.block[1] + block % p.block[1] - p.before[1];
  if (row < 0 || row >= p.large[0] || column < 0 || column >= p.large[1]) return nullptr;
  const int32_t image = batch % p.large_batches;
  return large + ((image * p.large[0] + row) * p.large[1] + column) * p.pixel_bytes;
}

// Calls visit(large pixel or null, small pixel) for every pixel of the small images.
template <class Visit>
Status ForEachSmallPixel(const BatchBlocksParams& p, const void* large, const void* small,
                         Visit visit) {
  const auto* pixel = static_cast<const uint8_t*>(small);
  const int32_t batches = p.large_batches * p.block[0] * p.block[1];
  for (int32_t batch = 0; batch < batches; ++batch) {
    for (int32_t y = 0; y < p.small[0]; ++y) {
      for (int32_t x = 0; x < p.small[1]; ++x, pixel += p.pixel_bytes) {
        visit(LargePixel(p, static_cast<const uint8_t*>(large), batch, y, x), pixel);
      }
    }
  }
  return Status::kOk;
}

Status EvalSpaceToBatch(const void* params, void* const* args) {
  const auto& p = *static_cast<const BatchBlocksParams*>(params);
  const auto bytes = static_cast<size_t>(p.pixel_bytes);
  return ForEachSmallPixel(p, args[0], args[3], [&](const uint8_t* large, const uint8_t* small) {
    auto* to = const_cast<uint8_t*>(small);
    if (large == nullptr) {
      memset(to, 0, bytes);  // not the zero point: so does TFLM
    } else {
      memcpy(to, large, bytes);
    }
  });
}

Status EvalBatchToSpace(const void* params, void* const* args) {
  const auto& p = *static_cast<const BatchBlocksParams*>(params);
  const auto bytes = static_cast<size_t>(p.pixel_bytes);
  return ForEachSmallPixel(p, args[3], args[0], [&](const uint8_t* large, const uint8_t* small) {
    if (large != nullptr) memcpy(const_cast<uint8_t*>(large), small, bytes);
  });
}

bool IsBlockEdge(int64_t edge) { return edge >= 1 && edge <= limits::kBlockSide; }

// Fills all but the padding; a tensor of rank 3 has a width of 1.
bool LayOut(const PrepareContext& context, const TensorView& large, const TensorView& small,
            BatchBlocksParams* params) {
  BatchBlocksParams& p = *params;
  const int axes = large.shape.rank - 2;
  if (axes < 1 || axes > 2 || small.shape.rank != large.shape.rank ||
      context.input(1).shape.elements() != axes || context.input(2).shape.elements() != 2 * axes) {
    return false;
  }
  p.large_batches = large.shape[0];
  int64_t blocks = 1;
  for (int i = 0; i < 2; ++i) {
    const bool given = i < axes;
    const int64_t edge = given ? IndexAt(context.input(1), i) : 1;
    const int64_t before = given ? IndexAt(context.input(2), 2 * i) : 0;
    const int64_t after = given ? IndexAt(context.input(2), 2 * i + 1) : 0;
    p.large[i] = given ? large.shape.dims[i + 1] : 1;
    p.small[i] = given ? small.shape.dims[i + 1] : 1;
    if (!IsBlockEdge(edge) || before < 0 || after < 0 || before > INT32_MAX || after > INT32_MAX ||
        p.large[i] + before + after != p.small[i] * edge) {
      return false;
    }
    p.block[i] = static_cast<int32_t>(edge);
    p.before[i] = static_cast<int32_t>(before);
    blocks *= edge;
  }
  return p.large_batches > 0 && small.shape[0] == p.large_batches * blocks &&
         small.shape[-1] == large.shape[-1];
}

Status Prepare(PrepareContext& context, const TensorView& large, const TensorView& small,
               EvalFn eval) {
  const Type type = context.input(0).type;
  if (context.output(0).type != type || (type != Type::kFloat32 && type != Type::kInt8) ||
      !IsIndexType(context.input(1).type) || !IsIndexType(context.input(2).type)) {
    return RefuseTypes(context);
  }
  for (int i = 1; i <= 2; ++i) {
    if (!context.input(i).is_constant()) return RefuseVariable(context, i);
  }
  auto* params = context.Params<BatchBlocksParams>();
  if (params == nullptr) return kNoMemory;
  if (!LayOut(context, large, small, params)) return RefuseShapes(context);
  params->pixel_bytes = large.shape[-1] * ElementBytes(type);
  context.SetEval(eval);
  return Status::kOk;
}

}  // namespace

Status PrepareSpaceToBatchNd(PrepareContext& context) {
  return Prepare(context, context.input(0), context.output(0), EvalSpaceToBatch);
}

Status PrepareBatchToSpaceNd(PrepareContext& context) {
  return Prepare(context, context.output(0), context.input(0), EvalBatchToSpace);
}

}  // namespace tinydeploy
