// What a tensor of an untrusted model must satisfy before any kernel looks at it.
#include "runtime/model.h"
#include "runtime/schema.h"

namespace tinydeploy {
namespace {

constexpr uint32_t kMaxTensorBytes = limits::kTensorBytes;

// Bytes of a tensor, or more than kMaxTensorBytes if a dimension is negative or the product
// overflows.
uint64_t SizeOf(const TensorView& view) {
  uint64_t elements = 1;
  bool empty = false;
  for (int i = 0; i < view.shape.rank; ++i) {
    if (view.shape.dims[i] < 0) return UINT64_MAX;
    if (view.shape.dims[i] == 0) empty = true;
    if (view.shape.dims[i] > 0) elements *= static_cast<uint64_t>(view.shape.dims[i]);
    if (elements > kMaxTensorBytes) return UINT64_MAX;
  }
  if (empty) return 0;
  return (elements * static_cast<uint64_t>(TypeBits(view.type)) + 7) / 8;
}

bool IsSoundScale(float scale) {  // false for NaN too
  return scale >= 0.0f && scale <= 1e30f;
}

bool IsSoundZeroPoint(Type type, int64_t zero_point) {
  switch (type) {
    case Type::kInt8:
      return zero_point >= INT8_MIN && zero_point <= INT8_MAX;
    case Type::kUInt8:
      return zero_point >= 0 && zero_point <= UINT8_MAX;
    case Type::kInt16:
      return zero_point >= INT16_MIN && zero_point <= INT16_MAX;
    case Type::kInt4:
      return zero_point >= -8 && zero_point <= 7;
    default:
      return zero_point >= -INT32_MAX && zero_point <= INT32_MAX;
  }
}

bool IsSoundQuantization(const TensorView& view) {
  const bool is_bias = view.type == Type::kInt32 && view.is_constant();  // its scales are unused
  for (int i = 0; i < view.scales.size() && !is_bias; ++i) {
    if (!IsSoundScale(view.scales[i])) return false;
  }
  for (int i = 0; i < view.zero_points.size(); ++i) {
    if (!IsSoundZeroPoint(view.type, view.zero_points[i])) return false;
  }
  return true;
}

}  // namespace

Status Subgraph::VerifyTensor(int index, Diagnosis& diagnosis) const {
  const Table table = tensors_[index];
  if (!table.present()) return diagnosis.Fail("damaged model: tensor %d", index);
  const TensorView view = tensor(index);
  if (TypeBits(view.type) == 0) {
    return diagnosis.Fail("tensor %d: type %s is not supported", index, TypeName(view.type));
  }
  if (table.stated_count(schema::tensor::kShape) != static_cast<uint32_t>(view.dims.size())) {
    return diagnosis.Fail("damaged model: shape of tensor %d", index);
  }
  if (view.dims.size() > kMaxRank) {
    return diagnosis.Fail("tensor %d: rank %d, at most %d are supported", index, view.dims.size(),
                          kMaxRank);
  }
  if (SizeOf(view) > kMaxTensorBytes) {
    return diagnosis.Fail("tensor %d: impossible shape", index);
  }
  if (table.has(schema::tensor::kSparsity)) {
    return diagnosis.Fail("tensor %d: sparse tensors are not supported", index);
  }
  if (!IsSoundQuantization(view)) {
    return diagnosis.Fail("tensor %d: impossible quantization", index);
  }
  return VerifyConstant(index, view, table, diagnosis);
}

Status Subgraph::VerifyConstant(int index, const TensorView& view, const Table& table,
                                Diagnosis& diagnosis) const {
  const uint32_t number = table.get<uint32_t>(schema::tensor::kBuffer, 0);
  if (number == 0 && buffers_.size() == 0) return Status::kOk;
  const Table buffer = number < static_cast<uint32_t>(buffers_.size())
                           ? buffers_[static_cast<int>(number)]
                           : Table();
  if (!buffer.present()) return diagnosis.Fail("damaged model: buffer of tensor %d", index);
  const Vector<uint8_t> content = buffer.vector<uint8_t>(schema::buffer::kData);
  const uint32_t size = static_cast<uint32_t>(content.size());
  if (buffer.stated_count(schema::buffer::kData) != size ||
      buffer.get<uint64_t>(schema::buffer::kOffset, 0) > 1) {
    return diagnosis.Fail("damaged model: data of tensor %d lies outside of the file", index);
  }
  if (size == 0) return Status::kOk;
  if (size < view.bytes) {
    return diagnosis.Fail("tensor %d: %u bytes of data, its shape needs %u", index,
                          static_cast<unsigned>(size), static_cast<unsigned>(view.bytes));
  }
  const uint32_t element_bytes = static_cast<uint32_t>((TypeBits(view.type) + 7) / 8);
  const uint32_t alignment = element_bytes < 4 ? element_bytes : 4;
  if (reinterpret_cast<uintptr_t>(view.data) % alignment != 0) {
    return diagnosis.Fail("tensor %d: data not aligned to %u bytes", index,
                          static_cast<unsigned>(alignment));
  }
  return Status::kOk;
}

}  // namespace tinydeploy
