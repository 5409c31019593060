// Reads flatbuffers from untrusted bytes: every access is bounded by the buffer, so that a damaged
// file gives defaults, absent vectors or `ok() == false`, never a wild read.
#ifndef TINYDEPLOY_RUNTIME_FLATBUFFER_H_
#define TINYDEPLOY_RUNTIME_FLATBUFFER_H_

#include <stddef.h>
#include <stdint.h>
#include <string.h>

namespace tinydeploy {

// A whole file. Positions count bytes from its start.
struct Bytes {
  const uint8_t* data = nullptr;
  uint32_t size = 0;

  bool holds(uint32_t position, uint32_t count) const {
    return position <= size && count <= size - position;
  }
  template <class T>
  T read(uint32_t position) const {
    T value;
    memcpy(&value, data + position, sizeof(T));
    return value;
  }
};

// A vector of scalars. Absent (size 0) or wholly inside the file and aligned for its elements.
template <class T>
class Vector {
 public:
  Vector() = default;
  Vector(const T* data, int size) : data_(data), size_(size) {}
  int size() const { return size_; }
  const T* data() const { return data_; }
  T operator[](int i) const { return data_[i]; }

 private:
  const T* data_ = nullptr;
  int size_ = 0;
};

// Where the elements of a vector lie.
struct Span {
  uint32_t position = 0;
  uint32_t count = 0;
};

class Tables;

// A table: fields by number, as in the schema.
class Table {
 public:
  Table() = default;
  Table(const Bytes& file, uint32_t position);

  bool present() const { return fields_ != 0; }

  template <class T>
  T get(int field, T otherwise) const {
    const uint32_t position = Locate(field, sizeof(T));
    return position == 0 ? otherwise : file_.read<T>(position);
  }
  Table table(int field) const;
  Tables tables(int field) const;
  template <class T>
  Vector<T> vector(int field) const {
    const Span span = Elements(field, sizeof(T), alignof(T));
    return span.count == 0 ? Vector<T>()
                           : Vector<T>(reinterpret_cast<const T*>(file_.data + span.position),
                                       static_cast<int>(span.count));
  }
  // The field is there. Together with a size of 0 it tells a damaged vector from an absent one.
  bool has(int field) const { return Locate(field, sizeof(uint32_t)) != 0; }
  // Length that a vector states, whether or not it is sound; 0 if absent.
  uint32_t stated_count(int field) const;

 private:
  uint32_t Locate(int field, uint32_t bytes) const;
  uint32_t Follow(int field) const;
  Span Elements(int field, uint32_t element_bytes, uint32_t alignment) const;

  Bytes file_;
  uint32_t position_ = 0;
  uint32_t vtable_ = 0;
  uint16_t fields_ = 0;       // bytes of the vtable, 0 if there is no table
  uint16_t table_bytes_ = 0;  // bytes of the table's inline data
};

// A vector of tables.
class Tables {
 public:
  Tables() = default;
  Tables(const Bytes& file, const Span& span) : file_(file), span_(span) {}
  int size() const { return static_cast<int>(span_.count); }
  Table operator[](int i) const;

 private:
  Bytes file_;
  Span span_;
};

// The root table; not present if the file is damaged or `identifier` (4 characters) differs.
Table RootTable(const Bytes& file, const char* identifier);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_FLATBUFFER_H_
