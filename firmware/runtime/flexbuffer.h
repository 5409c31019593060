// Reads the options of custom operators: a map of numbers in an untrusted FlexBuffer.
#ifndef TINYDEPLOY_RUNTIME_FLEXBUFFER_H_
#define TINYDEPLOY_RUNTIME_FLEXBUFFER_H_

#include <stdint.h>

#include "runtime/flatbuffer.h"

namespace tinydeploy {

class FlexMap {
 public:
  // `bytes` must outlive the map. Anything but a map has no keys.
  explicit FlexMap(const Vector<uint8_t>& bytes);

  // The value of a key, `otherwise` if it is missing or no number.
  int32_t integer(const char* key, int32_t otherwise) const;
  float real(const char* key, float otherwise) const;

 private:
  struct Value {
    int type = 0;
    uint32_t width = 0;  // bytes
    uint64_t bits = 0;
  };

  bool Read(uint32_t position, uint32_t width, uint64_t* value) const;
  bool Follow(uint32_t position, uint32_t width, uint32_t* target) const;
  bool KeyIs(uint32_t index, const char* key) const;
  Value Find(const char* key) const;

  Vector<uint8_t> bytes_;
  uint32_t values_ = 0;  // position of the first value
  uint32_t width_ = 0;   // bytes of a value
  uint32_t count_ = 0;
  uint32_t keys_ = 0;  // position of the first key
  uint32_t key_width_ = 0;
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_FLEXBUFFER_H_
