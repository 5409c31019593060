#include "runtime/tensor.h"

namespace tinydeploy {
namespace {

struct TypeInfo {
  const char* name;
  uint8_t bits;
};

// Indexed by Type.
constexpr TypeInfo kTypes[] = {
    {"FLOAT32", 32}, {"FLOAT16", 16},   {"INT32", 32},  {"UINT8", 8},      {"INT64", 64},
    {"STRING", 0},   {"BOOL", 8},       {"INT16", 16},  {"COMPLEX64", 64}, {"INT8", 8},
    {"FLOAT64", 64}, {"COMPLEX128", 0}, {"UINT64", 64}, {"RESOURCE", 32},  {"VARIANT", 0},
    {"UINT32", 32},  {"UINT16", 16},    {"INT4", 4},    {"BFLOAT16", 16},
};
constexpr int kTypeCount = sizeof(kTypes) / sizeof(kTypes[0]);

}  // namespace

int TypeBits(Type type) {
  const int i = static_cast<int>(type);
  return i >= 0 && i < kTypeCount ? kTypes[i].bits : 0;
}

const char* TypeName(Type type) {
  const int i = static_cast<int>(type);
  return i >= 0 && i < kTypeCount ? kTypes[i].name : "UNKNOWN";
}

int32_t Shape::product(int first, int last) const {
  uint32_t count = 1;  // wraps on shapes that are not checked yet
  for (int i = first; i < last; ++i) count *= static_cast<uint32_t>(dims[i]);
  return static_cast<int32_t>(count);
}

bool Shape::operator==(const Shape& other) const {
  if (rank != other.rank) return false;
  for (int i = 0; i < rank; ++i) {
    if (dims[i] != other.dims[i]) return false;
  }
  return true;
}

}  // namespace tinydeploy
