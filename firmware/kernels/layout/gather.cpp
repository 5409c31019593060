// GATHER, GATHER_ND, EMBEDDING_LOOKUP: slices of a tensor, chosen by indices at run time.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/layout/axes.h"

namespace tinydeploy {
namespace {

// ---- GATHER: input [batches, outer, axis, inner], indices [batches, count]. ----

struct GatherParams {
  int32_t batches;
  int32_t outer;
  int32_t axis;  // elements along the axis
  int32_t count;
  int32_t inner_bytes;
  int32_t is_int64;
};

Status EvalGather(const void* params, void* const* args) {
  const auto& p = *static_cast<const GatherParams*>(params);
  const auto* input = static_cast<const uint8_t*>(args[0]);
  auto* output = static_cast<uint8_t*>(args[2]);
  for (int32_t b = 0; b < p.batches; ++b) {
    for (int32_t o = 0; o < p.outer; ++o) {
      for (int32_t i = 0; i < p.count; ++i) {
        const int64_t index = IndexAt(args[1], p.is_int64 != 0, b * p.count + i);
        if (index < 0 || index >= p.axis) return Status::kError;
        memcpy(output, input + static_cast<int32_t>(index) * p.inner_bytes,
               static_cast<size_t>(p.inner_bytes));
        output += p.inner_bytes;
      }
      input += p.axis * p.inner_bytes;
    }
  }
  return Status::kOk;
}

// The output is the input with the axis replaced by the indices' own axes.
bool GatherFits(const Shape& input, const Shape& indices, const Shape& output, int axis,
                int batch_dims) {
  if (output.rank != input.rank + indices.rank - 1 - batch_dims) return false;
  for (int d = 0; d < batch_dims; ++d) {
    if (indices.dims[d] != input.dims[d]) return false;
  }
  for (int d = 0; d < output.rank; ++d) {
    const int past = d - (axis + indices.rank - batch_dims);  // axes after the indices
    const int32_t wanted = d < axis   ? input.dims[d]
                           : past < 0 ? indices.dims[d - axis + batch_dims]
                                      : input.dims[axis + 1 + past];
    if (output.dims[d] != wanted) return false;
  }
  return true;
}

// ---- GATHER_ND: each row of `depth` indices names a slice. ----

struct GatherNdParams {
  int32_t count;  // slices
  int32_t depth;
  int32_t slice_bytes;
  int32_t is_int64;
  int32_t dims[kMaxRank];  // of the input
};

Status EvalGatherNd(const void* params, void* const* args) {
  const auto& p = *static_cast<const GatherNdParams*>(params);
  const auto* input = static_cast<const uint8_t*>(args[0]);
  auto* output = static_cast<uint8_t*>(args[2]);
  for (int32_t i = 0; i < p.count; ++i, output += p.slice_bytes) {
    int32_t slice = 0;
    for (int32_t d = 0; d < p.depth; ++d) {
      const int64_t index = IndexAt(args[1], p.is_int64 != 0, i * p.depth + d);
      if (index < 0 || index >= p.dims[d]) return Status::kError;
      slice = slice * p.dims[d] + static_cast<int32_t>(index);
    }
    memcpy(output, input + slice * p.slice_bytes, static_cast<size_t>(p.slice_bytes));
  }
  return Status::kOk;
}

bool GatherNdFits(const Shape& input, const Shape& indices, const Shape& output) {
  const int depth = indices[-1];
  if (depth < 1 || depth > input.rank) return false;
  if (output.rank != indices.rank - 1 + input.rank - depth) return false;
  for (int d = 0; d < output.rank; ++d) {
    const int own = d - (indices.rank - 1);
    if (output.dims[d] != (own < 0 ? indices.dims[d] : input.dims[depth + own])) return false;
  }
  return true;
}

// ---- EMBEDDING_LOOKUP: rows of a table; an int8 table may give float32. ----

struct LookupParams {
  int32_t count;
  int32_t rows;
  int32_t row_elements;
  int32_t row_bytes;
  float scale;
};

template <class Store>
Status Lookup(const LookupParams& p, const void* ids, Store store) {
  for (int32_t i = 0; i < p.count; ++i) {
    const int32_t id = static_cast<const int32_t*>(ids)[i];
    if (id < 0 || id >= p.rows) return Status::kError;
    store(i, id);
  }
  return Status::kOk;
}

Status EvalLookup(const void* params, void* const* args) {
  const auto& p = *static_cast<const LookupParams*>(params);
  return Lookup(p, args[0], [&](int32_t i, int32_t id) {
    memcpy(static_cast<uint8_t*>(args[2]) + i * p.row_bytes,
           static_cast<const uint8_t*>(args[1]) + id * p.row_bytes,
           static_cast<size_t>(p.row_bytes));
  });
}

Status EvalLookupHybrid(const void* params, void* const* args) {
  const auto& p = *static_cast<const LookupParams*>(params);
  return Lookup(p, args[0], [&](int32_t i, int32_t id) {
    const int8_t* row = static_cast<const int8_t*>(args[1]) + id * p.row_elements;
    float* output = static_cast<float*>(args[2]) + i * p.row_elements;
    for (int32_t k = 0; k < p.row_elements; ++k) output[k] = static_cast<float>(row[k]) * p.scale;
  });
}

}  // namespace

Status PrepareGather(PrepareContext& context) {
  enum : int { kAxis, kBatchDims };
  const TensorView input = context.input(0);
  const TensorView indices = context.input(1);
  const Table& options = context.options();
  if (context.output(0).type != input.type || ElementBytes(input.type) == 0 ||
      !IsIndexType(indices.type)) {
    return RefuseTypes(context);
  }
  const int axis = NormalAxis(options.get<int32_t>(kAxis, 0), input.shape.rank);
  const int given = options.get<int32_t>(kBatchDims, 0);
  const int batch_dims = given < 0 ? given + indices.shape.rank : given;
  if (axis < 0 || batch_dims < 0 || batch_dims > axis || batch_dims > indices.shape.rank ||
      !GatherFits(input.shape, indices.shape, context.output(0).shape, axis, batch_dims)) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<GatherParams>();
  if (params == nullptr) return kNoMemory;
  params->batches = input.shape.product(0, batch_dims);
  params->outer = input.shape.product(batch_dims, axis);
  params->axis = input.shape.dims[axis];
  params->count = indices.shape.product(batch_dims, indices.shape.rank);
  params->inner_bytes = input.shape.product(axis + 1, input.shape.rank) * ElementBytes(input.type);
  params->is_int64 = indices.type == Type::kInt64;
  context.SetEval(EvalGather);
  return Status::kOk;
}

Status PrepareGatherNd(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView indices = context.input(1);
  if (context.output(0).type != input.type || ElementBytes(input.type) == 0 ||
      !IsIndexType(indices.type)) {
    return RefuseTypes(context);
  }
  if (indices.shape.rank < 1 ||
      !GatherNdFits(input.shape, indices.shape, context.output(0).shape)) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<GatherNdParams>();
  if (params == nullptr) return kNoMemory;
  params->depth = indices.shape[-1];
  params->count = indices.shape.product(0, indices.shape.rank - 1);
  params->slice_bytes =
      input.shape.product(params->depth, input.shape.rank) * ElementBytes(input.type);
  params->is_int64 = indices.type == Type::kInt64;
  for (int i = 0; i < input.shape.rank; ++i) params->dims[i] = input.shape.dims[i];
  context.SetEval(EvalGatherNd);
  return Status::kOk;
}

Status PrepareEmbeddingLookup(PrepareContext& context) {
  const TensorView ids = context.input(0);
  const TensorView table = context.input(1);
  const TensorView output = context.output(0);
  const bool same =
      (table.type == Type::kFloat32 || table.type == Type::kInt8) && output.type == table.type;
  const bool hybrid = table.type == Type::kInt8 && output.type == Type::kFloat32;
  if (ids.type != Type::kInt32 || (!same && !hybrid)) return RefuseTypes(context);
  const Shape& shape = table.shape;
  if (ids.shape.rank != 1 || shape.rank < 2) return RefuseShapes(context);
  auto* params = context.Params<LookupParams>();
  if (params == nullptr) return kNoMemory;
  params->count = ids.shape.dims[0];
  params->rows = shape.dims[0];
  params->row_elements = shape.product(1, shape.rank);
  params->row_bytes = params->row_elements * ElementBytes(table.type);
  params->scale = table.scale();
  if (static_cast<int64_t>(params->count) * params->row_elements != output.shape.elements()) {
    return RefuseShapes(context);
  }
  context.SetEval(hybrid ? EvalLookupHybrid : EvalLookup);
  return Status::kOk;
}

}  // namespace tinydeploy
