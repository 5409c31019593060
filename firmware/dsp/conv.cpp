#include "dsp/conv.h"

#include "dsp/bytes.h"
#include "dsp/within.h"

namespace tinydeploy {
namespace {

// A few calls for a row of the image: out of line, or each of them is a copy of the loops.
__attribute__((noinline)) int8_t* Copied(int8_t* to, const int8_t* from, int32_t count) {
  return CopyBytes(to, from, count);
}

__attribute__((noinline)) int8_t* Filled(int8_t* to, int8_t value, int32_t count) {
  return FillBytes(to, value, count);
}

// Collects patches and multiplies them, a batch at a time.
class Batch {
 public:
  Batch(uint32_t* columns, const GatherShape& gather, int32_t channels, int32_t capacity,
        const uint32_t* stream, int8_t* output, DotPairs* dot)
      : columns_(columns),
        next_(columns),
        gather_(gather),
        stream_(stream),
        output_(output),
        dot_(dot),
        channels_(channels),
        capacity_(capacity),
        free_(capacity) {}

  // Adds `pixels` neighbours of a line.
  void Add(const int8_t* const* rows, int32_t pixels) {
    for (int32_t offset = 0; pixels > 0;) {
      const int32_t count = pixels < free_ ? pixels : free_;
      next_ = td_gather(rows, &gather_, offset, count, next_);
      offset += count * gather_.pixel_step;
      pixels -= count;
      free_ -= count;
      if (free_ == 0) Flush();
    }
  }

  void Flush() {
    const int32_t pixels = capacity_ - free_;
    if (pixels >= 2) Multiply(columns_, pixels / 2, channels_);
    if (pixels & 1) {  // the other half of the last pair is whatever was there
      Multiply(columns_ + pixels / 2 * (gather_.pair_bytes / 4), 1, 0);
    }
    next_ = columns_;
    free_ = capacity_;
  }

 private:
  void Multiply(const uint32_t* columns, int32_t pairs, int32_t pixel_bytes) {
    const int32_t quads = channels_ / kQuad, rest = channels_ % kQuad;
    DotShape shape = {gather_.pair_bytes / 8, quads, pairs, pixel_bytes};
    const uint32_t* stream = stream_;
    if (quads > 0) stream = dot_(columns, stream, output_, &shape);
    const int32_t pixels = pixel_bytes ? 2 * pairs : 1;
    if (rest > 0) {
      uint32_t last[limits::kGatheredPixels];  // whole words: nothing after a pixel may change
      shape.quads = 1;
      shape.pixel_bytes = pixel_bytes ? kQuad : 0;
      dot_(columns, stream, reinterpret_cast<int8_t*>(last), &shape);
      int8_t* to = output_ + kQuad * quads;
      for (int32_t i = 0; i < pixels; ++i, to += channels_) {
        for (int32_t j = 0; j < rest; ++j) {
          to[j] = reinterpret_cast<int8_t*>(last + i)[j];
          Opaque(&j);
        }
      }
    }
    output_ += pixels * channels_;
  }

  uint32_t* const columns_;
  uint32_t* next_;
  const GatherShape& gather_;
  const uint32_t* const stream_;
  int8_t* output_;
  DotPairs* const dot_;
  const int32_t channels_, capacity_;
  int32_t free_;
};

// Row `y` of the input, in place or as its copy with padding in the ring.
class Rows {
 public:
  Rows(const ConvParams& params, const int8_t* input, int8_t* ring)
      : p_(params), input_(input), ring_(ring) {
    row_bytes_ = ((p_.out_width - 1) * p_.stride_width + p_.kernel_width) * p_.in_channels;
    slot_bytes_ = (row_bytes_ + 3 + 3) & ~3;  // words may reach 3 bytes past the row
    next_ = -p_.pad_top;
  }

  // Points rows[0..kernel_height) at the rows from `y` on, or rows[0] at them all, interleaved.
  void Window(int32_t y, const int8_t** rows) {
    const int32_t end = y + p_.kernel_height;
    if (p_.copies_rows == static_cast<uint8_t>(RowAccess::kInterleaved)) {
      *rows = Interleave(y);
      return;
    }
    if (p_.copies_rows == static_cast<uint8_t>(RowAccess::kDirect)) {
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
      to = Filled(to, p_.input_zero_point, p_.pad_left * p_.in_channels);
      const int32_t space = static_cast<int32_t>(end - to);
      to = Copied(to, input_ + y * row, row < space ? row : space);
    }
    Filled(to, p_.input_zero_point, static_cast<int32_t>(end - to));
  }

  // Rows y .. y + 2, three channels each. Words are stored over each other: what the fourth byte of
  // one spoils, the next puts right.
  const int8_t* Interleave(int32_t y) const {
    constexpr int32_t kChannels = 3, kPixel = 3 * kChannels;
    const uint32_t zero = 0x01010101u * static_cast<uint8_t>(p_.input_zero_point);
    const int8_t* from[3];
    int32_t step[3];
    for (int32_t i = 0; i < 3; ++i) {
      const bool has = y + i >= 0 && y + i < p_.in_height;
      from[i] =
          has ? input_ + (y + i) * p_.in_width * kChannels : reinterpret_cast<const int8_t*>(&zero);
      step[i] = has ? kChannels : 0;
    }
    int8_t* to = Filled(ring_, p_.input_zero_point, p_.pad_left * kPixel);
    const int32_t space = row_bytes_ / kChannels - p_.pad_left;
    const int32_t pixels = p_.in_width < space ? p_.in_width : space;
    const int8_t *a = from[0], *b = from[1], *c = from[2];
    for (int32_t i = 0; i < pixels; ++i, to += kPixel) {
      const uint32_t top = LoadWord(a), middle = LoadWord(b), bottom = LoadWord(c);
      StoreWord(to, top);
      StoreWord(to + kChannels, middle);
      StoreWord(to + 2 * kChannels, bottom);
      a += step[0], b += step[1], c += step[2];
      Opaque(&i);
    }
    Filled(to, p_.input_zero_point, (space - pixels) * kPixel);
    return ring_;
  }

  const ConvParams& p_;
  const int8_t* input_;
  int8_t* ring_;
  int32_t row_bytes_, slot_bytes_, next_;
};

}  // namespace

extern "C" {

void td_pointwise(const PointwiseParams* params, const int8_t* input, const uint32_t* stream,
                  int8_t* output, uint32_t* scratch, DotPairs* dot) {
  TINYDEPLOY_WITHIN(params->batch <= limits::kGatheredPixels && params->batch % 2 == 0);
  const int32_t depth = params->in_channels;
  const int32_t words = (depth + 3) / 4;
  const GatherShape gather = {1, words, depth, 16 * words};
  Batch batch(scratch, gather, params->out_channels, static_cast<int32_t>(params->batch), stream,
              output, dot);
  batch.Add(&input, static_cast<int32_t>(params->pixels));
  batch.Flush();
}

void td_conv(const ConvParams* params, const int8_t* input, const uint32_t* stream, int8_t* output,
             uint32_t* scratch, DotPairs* dot) {
  const ConvParams& p = *params;
  TINYDEPLOY_WITHIN(p.batch <= limits::kGatheredPixels && p.batch % 2 == 0);
  const bool interleaved = p.copies_rows == static_cast<uint8_t>(RowAccess::kInterleaved);
  const int32_t kernel_rows = interleaved ? 1 : p.kernel_height;
  const int32_t pixel_bytes = interleaved ? 3 * p.in_channels : p.in_channels;
  const int32_t steps = ConvSteps(kernel_rows, p.row_words);
  const GatherShape gather = {kernel_rows, p.row_words, p.stride_width * pixel_bytes, 8 * steps};
  const int8_t* few[limits::kConvWindowRows];
  const int8_t** window = few;
  if (const int32_t words = ConvWindowWords(kernel_rows)) {
    window = reinterpret_cast<const int8_t**>(scratch);
    scratch += words;
  }
  Rows rows(p, input, reinterpret_cast<int8_t*>(scratch + steps * p.batch));
  Batch batch(scratch, gather, p.out_channels, p.batch, stream, output, dot);
  for (int32_t y = 0; y < p.out_height; ++y) {
    rows.Window(y * p.stride_height - p.pad_top, window);
    batch.Add(window, p.out_width);
  }
  batch.Flush();
}

}  // extern "C"
}  // namespace tinydeploy
