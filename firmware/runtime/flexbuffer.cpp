#include "runtime/flexbuffer.h"

#include <string.h>

namespace tinydeploy {
namespace {

// The upper six bits of a type byte; the lower two are the width of what an offset leads to.
enum : int {
  kInt = 1,
  kUInt = 2,
  kFloat = 3,
  kIndirectInt = 6,
  kIndirectFloat = 8,
  kMap = 9,
  kBool = 26,
};

int64_t SignExtended(uint64_t bits, uint32_t width) {
  const unsigned unused = 64 - 8 * width;
  return static_cast<int64_t>(bits << unused) >> unused;
}

double AsDouble(uint64_t bits, uint32_t width) {
  if (width == 8) {
    double value;
    memcpy(&value, &bits, sizeof(value));
    return value;
  }
  const auto half = static_cast<uint32_t>(bits);
  float value = 0.0f;
  if (width == 4) memcpy(&value, &half, sizeof(value));
  return static_cast<double>(value);
}

}  // namespace

FlexMap::FlexMap(const Vector<uint8_t>& bytes) : bytes_(bytes) {
  const auto size = static_cast<uint32_t>(bytes.size());
  if (size < 3) return;
  const uint32_t root_width = bytes[bytes.size() - 1];
  const int type = bytes[bytes.size() - 2];
  if (type >> 2 != kMap || root_width > size - 2) return;
  const uint32_t width = 1u << (type & 3);
  uint32_t values;
  if (!Follow(size - 2 - root_width, root_width, &values) || values < 3 * width) return;
  uint64_t count;
  uint64_t key_width;
  uint32_t keys;
  if (!Read(values - width, width, &count) || !Read(values - 2 * width, width, &key_width) ||
      !Follow(values - 3 * width, width, &keys)) {
    return;
  }
  // A value and its type byte each.
  if (count > (size - values) / (width + 1)) return;
  values_ = values;
  width_ = width;
  keys_ = keys;
  key_width_ = static_cast<uint32_t>(key_width);
  count_ = static_cast<uint32_t>(count);
}

bool FlexMap::Read(uint32_t position, uint32_t width, uint64_t* value) const {
  const auto size = static_cast<uint32_t>(bytes_.size());
  const bool known = width == 1 || width == 2 || width == 4 || width == 8;
  if (!known || position > size || width > size - position) return false;
  *value = 0;
  for (uint32_t i = 0; i < width; ++i) {
    *value |= static_cast<uint64_t>(bytes_[static_cast<int>(position + i)]) << (8 * i);
  }
  return true;
}

// Offsets count backwards from where they stand.
bool FlexMap::Follow(uint32_t position, uint32_t width, uint32_t* target) const {
  uint64_t offset;
  if (!Read(position, width, &offset) || offset > position) return false;
  *target = position - static_cast<uint32_t>(offset);
  return true;
}

bool FlexMap::KeyIs(uint32_t index, const char* key) const {
  const uint64_t position =
      static_cast<uint64_t>(keys_) + static_cast<uint64_t>(index) * key_width_;
  uint32_t at;
  if (position > static_cast<uint64_t>(bytes_.size()) ||
      !Follow(static_cast<uint32_t>(position), key_width_, &at)) {
    return false;
  }
  const size_t length = strlen(key) + 1;
  return length <= static_cast<size_t>(bytes_.size()) - at &&
         memcmp(bytes_.data() + at, key, length) == 0;
}

FlexMap::Value FlexMap::Find(const char* key) const {
  for (uint32_t i = 0; i < count_; ++i) {
    if (!KeyIs(i, key)) continue;
    const int packed = bytes_[static_cast<int>(values_ + count_ * width_ + i)];
    Value value = {packed >> 2, width_, 0};
    uint32_t at = values_ + i * width_;
    if (value.type >= kIndirectInt && value.type <= kIndirectFloat) {
      if (!Follow(at, width_, &at)) return {};
      value.type -= kIndirectInt - kInt;
      value.width = 1u << (packed & 3);
    }
    return Read(at, value.width, &value.bits) ? value : Value();
  }
  return {};
}

int32_t FlexMap::integer(const char* key, int32_t otherwise) const {
  const Value value = Find(key);
  int64_t number = otherwise;
  if (value.type == kInt) number = SignExtended(value.bits, value.width);
  if (value.type == kUInt || value.type == kBool) {
    number = value.bits > INT32_MAX ? INT32_MAX : static_cast<int64_t>(value.bits);
  }
  return number > INT32_MAX   ? INT32_MAX
         : number < INT32_MIN ? INT32_MIN
                              : static_cast<int32_t>(number);
}

float FlexMap::real(const char* key, float otherwise) const {
  const Value value = Find(key);
  if (value.type == kFloat) return static_cast<float>(AsDouble(value.bits, value.width));
  return value.type == 0 ? otherwise : static_cast<float>(integer(key, 0));
}

}  // namespace tinydeploy
