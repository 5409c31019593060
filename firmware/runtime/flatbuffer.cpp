#include "runtime/flatbuffer.h"

namespace tinydeploy {

Table::Table(const Bytes& file, uint32_t position) : file_(file), position_(position) {
  if (position % 4 != 0 || !file.holds(position, 4)) return;
  const uint32_t vtable = position - static_cast<uint32_t>(file.read<int32_t>(position));
  if (vtable % 2 != 0 || !file.holds(vtable, 4)) return;
  const uint16_t vtable_bytes = file.read<uint16_t>(vtable);
  const uint16_t table_bytes = file.read<uint16_t>(vtable + 2);
  if (vtable_bytes < 4 || vtable_bytes % 2 != 0 || !file.holds(vtable, vtable_bytes)) return;
  if (table_bytes < 4 || !file.holds(position, table_bytes)) return;
  vtable_ = vtable;
  fields_ = vtable_bytes;
  table_bytes_ = table_bytes;
}

// Position of a field's inline data, 0 if the field is absent (or lies outside of the table).
uint32_t Table::Locate(int field, uint32_t bytes) const {
  const uint32_t entry = 4 + 2 * static_cast<uint32_t>(field);
  if (entry + 2 > fields_) return 0;
  const uint16_t offset = file_.read<uint16_t>(vtable_ + entry);
  if (offset < 4 || offset + bytes > table_bytes_) return 0;
  return position_ + offset;
}

// Position that an offset field points to, 0 if absent or outside of the file.
uint32_t Table::Follow(int field) const {
  const uint32_t from = Locate(field, 4);
  if (from == 0) return 0;
  const uint32_t offset = file_.read<uint32_t>(from);
  if (offset == 0 || offset > file_.size - from) return 0;
  return from + offset;
}

uint32_t Table::stated_count(int field) const {
  const uint32_t position = Follow(field);
  return position != 0 && file_.holds(position, 4) ? file_.read<uint32_t>(position) : 0;
}

Span Table::Elements(int field, uint32_t element_bytes, uint32_t alignment) const {
  const uint32_t position = Follow(field);
  if (position % 4 != 0 || position == 0 || !file_.holds(position, 4)) return {};
  const uint32_t count = file_.read<uint32_t>(position);
  const uint32_t first = position + 4;
  if (first % alignment != 0 || count > (file_.size - first) / element_bytes) return {};
  return {first, count};
}

Table Table::table(int field) const {
  const uint32_t position = Follow(field);
  return position == 0 ? Table() : Table(file_, position);
}

Tables Table::tables(int field) const { return Tables(file_, Elements(field, 4, 4)); }

Table Tables::operator[](int i) const {
  if (i < 0 || i >= size()) return Table();
  const uint32_t from = span_.position + 4 * static_cast<uint32_t>(i);
  const uint32_t offset = file_.read<uint32_t>(from);
  return offset > file_.size - from ? Table() : Table(file_, from + offset);
}

Table RootTable(const Bytes& file, const char* identifier) {
  if (!file.holds(0, 8) || memcmp(file.data + 4, identifier, 4) != 0) return Table();
  return Table(file, file.read<uint32_t>(0));
}

}  // namespace tinydeploy
