// Types, shapes and views of tensors.
#ifndef TINYDEPLOY_RUNTIME_TENSOR_H_
#define TINYDEPLOY_RUNTIME_TENSOR_H_

#include <stddef.h>
#include <stdint.h>

#include "abi/limits.h"
#include "runtime/flatbuffer.h"

namespace tinydeploy {

// Element types; the numbers are the model file's.
enum class Type : int8_t {
  kFloat32 = 0,
  kFloat16 = 1,
  kInt32 = 2,
  kUInt8 = 3,
  kInt64 = 4,
  kString = 5,
  kBool = 6,
  kInt16 = 7,
  kComplex64 = 8,
  kInt8 = 9,
  kFloat64 = 10,
  kComplex128 = 11,
  kUInt64 = 12,
  kResource = 13,
  kVariant = 14,
  kUInt32 = 15,
  kUInt16 = 16,
  kInt4 = 17,
  kBFloat16 = 18,
};

// Bits of an element; 0 for types without a fixed size, which the runtime does not run.
int TypeBits(Type type);
const char* TypeName(Type type);

// A 64-bit element of a model file, where it is aligned to 4 bytes only. Little-endian.
struct Int64 {
  uint32_t low;
  int32_t high;
  operator int64_t() const {
    return static_cast<int64_t>((static_cast<uint64_t>(static_cast<uint32_t>(high)) << 32) | low);
  }
};

// An element of a bool tensor. Files and links may bring bytes other than 0 and 1, which C++'s bool
// must not hold.
struct Bool {
  uint8_t byte;
  Bool() = default;
  explicit Bool(bool value) : byte(value) {}
  operator bool() const { return byte != 0; }
};

constexpr int kMaxRank = limits::kRank;

struct Shape {
  int32_t dims[kMaxRank] = {};
  int rank = 0;

  // Negative indices count from the end.
  int32_t operator[](int i) const { return dims[i < 0 ? rank + i : i]; }
  // Number of elements; the product over dimensions [first, last) in the second form.
  int32_t elements() const { return product(0, rank); }
  int32_t product(int first, int last) const;
  bool operator==(const Shape& other) const;
  bool operator!=(const Shape& other) const { return !(*this == other); }
};

// A tensor as the model file describes it. Cheap to copy, valid while the model is.
struct TensorView {
  Type type = Type::kFloat32;
  bool is_variable = false;
  Shape shape;
  uint32_t bytes = 0;
  void* data = nullptr;  // of a constant, else null during Prepare
  // None, one, or one for each channel; how many, and along which axis, is checked by the kernels
  // that look at it: files have wrong ones elsewhere.
  Vector<float> scales;
  Vector<Int64> zero_points;
  int32_t quantized_dimension = 0;
  Vector<int32_t> dims;  // the shape as it lies in the file

  bool is_constant() const { return data != nullptr; }
  bool is_quantized() const { return scales.size() > 0 && zero_points.size() > 0; }
  float scale(int i = 0) const { return scales.size() > 0 ? scales[i] : 0.0f; }
  int32_t zero_point() const {
    return zero_points.size() > 0 ? static_cast<int32_t>(zero_points[0]) : 0;
  }
  template <class T>
  const T* values() const {
    return static_cast<const T*>(data);
  }
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_TENSOR_H_
