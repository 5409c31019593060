// TRANSPOSE, SLICE, STRIDED_SLICE: walks through the input that Prepare lays out.
#include "kernels/common/fixed_point.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/shape/gather_walk.h"

namespace tinydeploy {
namespace {

// A constant vector of `count` int32 or int64 values as int64; null type or size: false.
bool ReadIndices(const TensorView& view, int count, int64_t* out) {
  if (!view.is_constant() || view.shape.elements() != count) return false;
  for (int i = 0; i < count; ++i) {
    if (view.type == Type::kInt32) {
      out[i] = view.values<int32_t>()[i];
    } else if (view.type == Type::kInt64) {
      out[i] = view.values<Int64>()[i];
    } else {
      return false;
    }
  }
  return true;
}

struct StridedAxis {
  int64_t begin;
  int64_t end;
  int64_t stride;
  bool open_begin;
  bool open_end;
  bool shrink;
};

// First index and number of steps along an axis of `size` elements; false if stride is 0.
bool Resolve(const StridedAxis& axis, int64_t size, int64_t* first, int64_t* count) {
  if (axis.stride == 0 || (axis.shrink && axis.stride < 0)) return false;
  const bool forward = axis.stride > 0;
  const int64_t lowest = forward ? 0 : -1;
  const int64_t highest = forward ? size : size - 1;
  const auto place = [&](int64_t index) {
    return Clamp<int64_t>(index < 0 ? index + size : index, lowest, highest);
  };
  const int64_t begin = axis.open_begin ? (forward ? lowest : highest) : place(axis.begin);
  int64_t end = axis.open_end ? (forward ? highest : lowest) : place(axis.end);
  if (axis.shrink) end = begin + 1;
  const int64_t span = forward ? end - begin : begin - end;
  const int64_t step = forward ? axis.stride : -axis.stride;
  *first = begin;
  *count = span <= 0 ? 0 : (span + step - 1) / step;
  return !axis.shrink || begin < size;
}

}  // namespace

Status PrepareTranspose(PrepareContext& context) {
  const Shape input = context.input(0).shape;
  const Shape output = context.output(0).shape;
  int64_t order[kMaxRank];
  if (!context.input(1).is_constant() && input.rank > 0) return RefuseVariable(context, 1);
  if (!ReadIndices(context.input(1), input.rank, order) || output.rank != input.rank) {
    return RefuseShapes(context);
  }
  Walk walk = {};
  int32_t stride[kMaxRank];
  RowMajor(input, stride);
  walk.rank = input.rank;
  unsigned seen = 0;
  for (int i = 0; i < input.rank; ++i) {
    const int64_t axis = order[i] < 0 ? order[i] + input.rank : order[i];
    if (axis < 0 || axis >= input.rank || output.dims[i] != input.dims[axis]) {
      return RefuseShapes(context);
    }
    seen |= 1u << axis;
    walk.size[i] = input.dims[axis];
    walk.stride[i] = stride[axis];
  }
  return seen == (1u << input.rank) - 1 ? PrepareWalk(context, walk) : RefuseShapes(context);
}

Status PrepareSlice(PrepareContext& context) {
  const Shape input = context.input(0).shape;
  int64_t begin[kMaxRank];
  int64_t size[kMaxRank];
  for (int i = 1; i <= 2; ++i) {
    if (!context.input(i).is_constant() && input.rank > 0) return RefuseVariable(context, i);
  }
  if (!ReadIndices(context.input(1), input.rank, begin) ||
      !ReadIndices(context.input(2), input.rank, size)) {
    return RefuseShapes(context);
  }
  Walk walk = {};
  walk.rank = input.rank;
  RowMajor(input, walk.stride);
  for (int i = 0; i < input.rank; ++i) {
    const int64_t rest = input.dims[i] - begin[i];
    if (size[i] == -1) size[i] = rest;
    if (begin[i] < 0 || begin[i] > input.dims[i] || size[i] < 0 || size[i] > rest) {
      return RefuseShapes(context);
    }
    walk.size[i] = static_cast<int32_t>(size[i]);
    walk.start += static_cast<int32_t>(begin[i]) * walk.stride[i];
  }
  return PrepareWalk(context, walk);
}

Status PrepareStridedSlice(PrepareContext& context) {
  enum : int { kBeginMask, kEndMask, kEllipsisMask, kNewAxisMask, kShrinkMask, kOffset };
  const Shape input = context.input(0).shape;
  const Table& options = context.options();
  const auto mask = [&](int field) {
    return static_cast<uint32_t>(options.get<int32_t>(field, 0));
  };
  if (mask(kEllipsisMask) != 0 || mask(kNewAxisMask) != 0 ||
      options.get<uint8_t>(kOffset, 0) != 0) {
    return RefuseOptions(context);
  }
  int64_t vectors[3][kMaxRank];  // begin, end, strides
  const int axes = context.input(1).shape.elements();
  if (axes > input.rank) return RefuseShapes(context);
  for (int i = 0; i < 3; ++i) {
    if (!context.input(i + 1).is_constant()) return RefuseVariable(context, i + 1);
    if (!ReadIndices(context.input(i + 1), axes, vectors[i])) return RefuseShapes(context);
  }
  Walk walk = {};
  walk.rank = input.rank;
  RowMajor(input, walk.stride);
  for (int i = 0; i < input.rank; ++i) {
    const bool given = i < axes;
    const auto bit = [&](int field) { return ((mask(field) >> i) & 1) != 0; };
    const StridedAxis axis = {given ? vectors[0][i] : 0, given ? vectors[1][i] : 0,
                              given ? vectors[2][i] : 1, !given || bit(kBeginMask),
                              !given || bit(kEndMask),   given && bit(kShrinkMask)};
    int64_t first;
    int64_t count;
    if (!Resolve(axis, input.dims[i], &first, &count)) return RefuseShapes(context);
    walk.size[i] = static_cast<int32_t>(count);
    // An empty walk reads nothing: its start and strides do not matter.
    if (count == 0) continue;
    walk.start += static_cast<int32_t>(first) * walk.stride[i];
    walk.stride[i] = count == 1 ? 0 : static_cast<int32_t>(axis.stride * walk.stride[i]);
  }
  return PrepareWalk(context, walk);
}

}  // namespace tinydeploy
