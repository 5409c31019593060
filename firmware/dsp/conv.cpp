#include "dsp/conv.h"

#include "dsp/bytes.h"

namespace tinydeploy {
namespace {

constexpr int32_t kMaxKernelHeight = 32;

// All channels of two pixels, the last group possibly in part.
void DotAll(const uint32_t* columns, const uint32_t* stream, int8_t* out0, int8_t* out1,
                   int32_t steps, int32_t channels, DotPair* dot) {
  const int32_t quads = channels / kQuad;
  const int32_t rest = channels % kQuad;
  if (quads > 0) stream = dot(columns, stream, out0, out1, steps, quads);
  if (rest == 0) return;
  uint32_t last0, last1;  // whole words: nothing behind the pixels may change
  auto* bytes0 = reinterpret_cast<int8_t*>(&last0);
  auto* bytes1 = reinterpret_cast<int8_t*>(&last1);
  dot(columns, stream, bytes0, bytes1, steps, 1);
  CopyBytes(out1 + kQuad * quads, bytes1, rest);
  CopyBytes(out0 + kQuad * quads, bytes0, rest);
}

// Row `y` of the input, in place or as its copy with padding in the ring.
class Rows {
 public:
  Rows(const ConvParams& params, const int8_t* input, int8_t* ring)
      : p_(params), input_(input), ring_(ring) {
    row_bytes_ = ((p_.out_width - 1) * p_.stride_width + p_.kernel_width) * p_.in_channels;
    slot_bytes_ = (row_bytes_ + 3 + 3) & ~3;  // words may reach 3 bytes behind the row
    next_ = -p_.pad_top;
  }

  // Points rows[0..kernel_height) at the rows from `y` on.
  void Window(int32_t y, const int8_t** rows) {
    const int32_t end = y + p_.kernel_height;
    if (!p_.copies_rows) {
      for (int32_t i = y; i < end; ++i) *rows++ = input_ + i * p_.in_width * p_.in_channels;
      return;
    }
    if (next_ < y) next_ = y;  // a stride beyond the kernel skips rows
    for (; next_ < end; ++next_) Copy(next_);
    int32_t slot = (y + p_.pad_top) % p_.kernel_height;
    for (int32_t i = y; i < end; ++i) {
      *rows++ = ring_ + slot * slot_bytes_;
      if (++slot == p_.kernel_height) slot = 0;
    }
  }

 private:
  void Copy(int32_t y) {
    int8_t* to = ring_ + (y + p_.pad_top) % p_.kernel_height * slot_bytes_;
    int8_t* const end = to + row_bytes_;
    if (y >= 0 && y < p_.in_height) {
      const int32_t row = p_.in_width * p_.in_channels;
      to = FillBytes(to, p_.input_zero_point, p_.pad_left * p_.in_channels);
      const int32_t space = static_cast<int32_t>(end - to);
      to = CopyBytes(to, input_ + y * row, row < space ? row : space);
    }
    FillBytes(to, p_.input_zero_point, static_cast<int32_t>(end - to));
  }

  const ConvParams& p_;
  const int8_t* input_;
  int8_t* ring_;
  int32_t row_bytes_, slot_bytes_, next_;
};

// The last `tail` int8 of each kernel row, as td_gather would lay them out.
void GatherTails(const ConvParams& p, const int8_t* const* rows, int32_t offset, uint32_t* out) {
  static constexpr uint8_t kPlace[4] = {0, 4, 1, 5};  // halfword in a group of four
  auto* halves = reinterpret_cast<int16_t*>(out);
  offset += 4 * p.row_words;
  int32_t in_group = 0;
  for (int32_t ky = 0; ky < p.kernel_height; ++ky) {
    const int8_t* from = rows[ky] + offset;
    for (int32_t i = 0; i < p.tail; ++i) {
      halves[kPlace[in_group]] = from[i];
      if (++in_group == 4) in_group = 0, halves += 8;
    }
  }
}

}  // namespace

extern "C" {

void td_pointwise(const PointwiseParams* params, const int8_t* input, const uint32_t* stream,
                  int8_t* output, uint32_t* scratch, DotPair* dot) {
  const int32_t depth = params->in_channels, channels = params->out_channels;
  const int32_t words = (depth + 3) / 4;
  for (int32_t left = static_cast<int32_t>(params->pixels); left > 0; left -= 2) {
    const int32_t other = left > 1 ? 1 : 0;
    td_gather(&input, 0, 1, words, scratch);
    td_gather(&input, other * depth, 1, words, scratch + 1);
    DotAll(scratch, stream, output, output + other * channels, 2 * words, channels, dot);
    input += 2 * depth;
    output += 2 * channels;
  }
}

void td_conv(const ConvParams* params, const int8_t* input, const uint32_t* stream, int8_t* output,
             uint32_t* scratch, DotPair* dot) {
  const ConvParams& p = *params;
  const int32_t steps = ConvSteps(p.kernel_height, p.row_words, p.tail);
  const int32_t channels = p.out_channels;
  Rows rows(p, input, reinterpret_cast<int8_t*>(scratch + 2 * steps));
  const int8_t* window[kMaxKernelHeight];
  int32_t slot = 0;  // pixels go in pairs, also across the ends of lines
  for (int32_t y = 0; y < p.out_height; ++y) {
    rows.Window(y * p.stride_height - p.pad_top, window);
    for (int32_t x = 0; x < p.out_width; ++x, output += channels) {
      const int32_t offset = x * p.stride_width * p.in_channels;
      uint32_t* to = scratch + slot;
      if (p.row_words > 0) to = td_gather(window, offset, p.kernel_height, p.row_words, to);
      if (p.tail > 0) GatherTails(p, window, offset, to);
      if (slot) DotAll(scratch, stream, output - channels, output, steps, channels, dot);
      slot ^= 1;
    }
  }
  output -= channels;
  if (slot) DotAll(scratch, stream, output, output, steps, channels, dot);
}

}  // extern "C"
}  // namespace tinydeploy
