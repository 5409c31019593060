// TFLM_DECODE: compressed constants to tensors, before the operators that use them. Inputs come in
// pairs: codes, and what says how to read them: a head of 16 bytes, then tables.
#include <string.h>

#include "kernels/common/fixed_point.h"
#include "kernels/common/refuse.h"
#include "kernels/decode/bits.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

constexpr uint32_t kHeadBytes = 16;
enum : uint8_t { kLookup = 0, kHuffman = 1, kPrune = 2 };
namespace head {
enum : int { kKind, kVersion, kKindVersion = 4, kOptions, kStride };
}

// An output. The zero points of its channels, int8, follow all of them.
struct Coded {
  int32_t count;
  int32_t channels;
  int32_t channel_elements;  // before the next channel; 1: channels alternate
  int32_t element_bytes;
  uint32_t code_bytes;
  uint32_t table_bytes;  // after the head
  int32_t zero_points;   // place of the first one
};

struct DecodeParams {
  int32_t outputs;
};

int32_t ChannelOf(const Coded& coded, int32_t i) {
  return i / coded.channel_elements % coded.channels;
}

// A few bits choose a value of the channel's table.
bool LookUp(const Coded& coded, Bits codes, const uint8_t* about, uint8_t* output) {
  const int bits = about[head::kOptions] & 7;
  const auto bytes = static_cast<uint32_t>(coded.element_bytes);
  for (int32_t i = 0; i < coded.count; ++i, output += bytes) {
    const uint32_t row = static_cast<uint32_t>(ChannelOf(coded, i)) * about[head::kStride];
    const uint32_t at = (row + codes.Take(bits)) * bytes;
    if (at + bytes > coded.table_bytes) return false;
    memcpy(output, about + kHeadBytes + at, bytes);
  }
  return bits > 0 && codes.sound();
}

// One bit for each element: the next value, or zero.
bool Fill(const Coded& coded, Bits codes, const uint8_t* about, const int8_t* zero_points,
          uint8_t* output) {
  const auto bytes = static_cast<uint32_t>(coded.element_bytes);
  uint32_t at = 0;
  for (int32_t i = 0; i < coded.count; ++i, output += bytes) {
    if (codes.Take(1) == 0) {
      memset(output, bytes == 1 ? zero_points[ChannelOf(coded, i)] : 0, bytes);
      continue;
    }
    if (at + bytes > coded.table_bytes) return false;
    memcpy(output, about + kHeadBytes + at, bytes);
    at += bytes;
  }
  return codes.sound();
}

// An entry of a Huffman table: the highest bit says that it is a symbol, four bits how many bits
// are to come (for a symbol: have been used), the rest the symbol or the way to the next table.
struct Entry {
  bool is_symbol;
  int bits;
  uint32_t value;
};

bool ReadEntry(const Coded& coded, const uint8_t* table, bool wide, uint32_t at, Entry* entry) {
  const uint32_t bytes = wide ? sizeof(uint32_t) : sizeof(uint16_t);
  if (at >= coded.table_bytes / bytes) return false;
  uint32_t raw = 0;
  memcpy(&raw, table + at * bytes, bytes);
  const int value_bits = wide ? 27 : 11;
  *entry = {(raw >> (value_bits + 4) & 1) != 0, static_cast<int>(raw >> value_bits & 0xF),
            raw & ((1u << value_bits) - 1)};
  return true;
}

bool ReadSymbol(const Coded& coded, Bits* codes, const uint8_t* about, uint32_t* symbol) {
  const bool wide = (about[head::kOptions] & 1) != 0;
  int used = (about[head::kOptions] >> 4) + 1;
  uint32_t at = codes->Take(used);
  Entry entry;
  for (;;) {
    if (!ReadEntry(coded, about + kHeadBytes, wide, at, &entry)) return false;
    if (entry.is_symbol) break;
    used = entry.bits + 1;
    at += entry.value + codes->Take(used);
  }
  if (used > entry.bits) codes->PutBack(used - entry.bits);
  *symbol = entry.value;
  return codes->sound();
}

bool Unfold(const Coded& coded, Bits codes, const uint8_t* about, uint8_t* output) {
  const auto bytes = static_cast<uint32_t>(coded.element_bytes);
  for (int32_t i = 0; i < coded.count; ++i, output += bytes) {
    uint32_t symbol;
    if (!ReadSymbol(coded, &codes, about, &symbol)) return false;
    memcpy(output, &symbol, bytes);
  }
  return true;
}

Status EvalDecode(const void* params, void* const* args) {
  const int32_t outputs = static_cast<const DecodeParams*>(params)->outputs;
  const auto* coded = reinterpret_cast<const Coded*>(static_cast<const DecodeParams*>(params) + 1);
  const auto* zero_points = reinterpret_cast<const int8_t*>(coded + outputs);
  bool sound = true;
  for (int32_t i = 0; i < outputs; ++i, ++coded) {
    const auto* about = static_cast<const uint8_t*>(args[2 * i + 1]);
    auto* output = static_cast<uint8_t*>(args[2 * outputs + i]);
    const Bits codes(args[2 * i], coded->code_bytes);
    const int8_t* zeros = zero_points + coded->zero_points;
    const uint8_t kind = about[head::kKind];
    const bool done = kind == kLookup    ? LookUp(*coded, codes, about, output)
                      : kind == kHuffman ? Unfold(*coded, codes, about, output)
                                         : Fill(*coded, codes, about, zeros, output);
    sound = sound && done;
  }
  return sound ? Status::kOk : Status::kError;
}

bool Knows(const uint8_t* about, Type type) {
  const bool is_byte = type == Type::kInt8;
  if (about[head::kVersion] != 1 || about[head::kKindVersion] != 1) return false;
  if (about[head::kKind] == kHuffman) {
    return is_byte || (type == Type::kInt16 && (about[head::kOptions] & 1) != 0);
  }
  return (about[head::kKind] == kLookup || about[head::kKind] == kPrune) &&
         (is_byte || type == Type::kBool || type == Type::kInt16 || type == Type::kInt32 ||
          type == Type::kInt64 || type == Type::kFloat32);
}

int32_t ChannelsOf(const TensorView& output) { return Max(output.scales.size(), 1); }

Status Describe(PrepareContext& context, int i, int32_t zero_points, Coded* coded, int8_t* zeros) {
  const TensorView codes = context.input(2 * i);
  const TensorView about = context.input(2 * i + 1);
  const TensorView output = context.output(i);
  const int32_t channels = ChannelsOf(output);
  const int32_t count = output.shape.elements();
  const bool alternate = channels > 1 && output.quantized_dimension == output.shape.rank - 1;
  if (count < 1 || count % channels != 0 || (!alternate && output.quantized_dimension != 0)) {
    return RefuseShapes(context);
  }
  *coded = {count,
            channels,
            alternate ? 1 : count / channels,
            TypeBits(output.type) / 8,
            codes.bytes,
            about.bytes - kHeadBytes,
            zero_points};
  const bool one_for_all = output.zero_points.size() != channels;
  for (int32_t c = 0; c < channels && output.zero_points.size() > 0; ++c) {
    const int64_t zero = output.zero_points[one_for_all ? 0 : c];
    if (zero != 0 && output.type != Type::kInt8) return RefuseQuantization(context);
    zeros[zero_points + c] = static_cast<int8_t>(zero);
  }
  return Status::kOk;
}

}  // namespace

Status PrepareDecode(PrepareContext& context) {
  const int outputs = context.output_count();
  if (context.input_count() != 2 * outputs) return RefuseShapes(context);
  int32_t channels = 0;
  for (int i = 0; i < outputs; ++i) {
    if (!context.input(2 * i).is_constant()) return RefuseVariable(context, 2 * i);
    const TensorView about = context.input(2 * i + 1);
    if (!about.is_constant()) return RefuseVariable(context, 2 * i + 1);
    if (about.bytes < kHeadBytes || !Knows(about.values<uint8_t>(), context.output(i).type)) {
      return context.Fail("output %d has a compression or type that is not supported", i);
    }
    channels += ChannelsOf(context.output(i));
  }
  const uint32_t head_bytes = static_cast<uint32_t>(outputs) * sizeof(Coded);
  auto* params = context.Params<DecodeParams>(head_bytes + static_cast<uint32_t>(channels));
  if (params == nullptr) return kNoMemory;
  params->outputs = outputs;
  auto* coded = reinterpret_cast<Coded*>(params + 1);
  auto* zeros = reinterpret_cast<int8_t*>(coded + outputs);
  int32_t place = 0;
  for (int i = 0; i < outputs; place += ChannelsOf(context.output(i)), ++i) {
    TINYDEPLOY_TRY(Describe(context, i, place, coded + i, zeros));
  }
  context.SetEval(EvalDecode);
  return Status::kOk;
}

}  // namespace tinydeploy
