#include "dsp/conv16.h"

#include "dsp/bytes.h"
#include "dsp/within.h"

namespace tinydeploy {
namespace {

// Collects the patches of pixels in columns and multiplies them, a batch at a time.
class Batch {
 public:
  Batch(const ConvParams16& p, uint32_t* columns, const uint32_t* stream, int16_t* output,
        DotPairs16* dot)
      : p_(p), columns_(columns), stream_(stream), output_(output), dot_(dot) {}

  void Add(const int16_t* input, int32_t y, int32_t x) {
    const bool inside = x >= 0 && x + p_.kernel_width <= p_.in_width;
    uint32_t* to = columns_ + 2 * p_.steps * (pixels_ >> 1) + (pixels_ & 1);
    for (int32_t k = 0; k < p_.kernel_height; ++k, to += 2 * p_.row_words) {
      const bool empty = y + k < 0 || y + k >= p_.in_height;
      const int16_t* row = input + ((y + k) * p_.in_width + x) * p_.in_channels;
      if (inside && !empty) {
        Copy(row, to);
      } else {
        const int32_t first = empty || x >= 0 ? 0 : -x * p_.in_channels;
        const int32_t last = empty ? 0 : (p_.in_width - x) * p_.in_channels;
        CopyPart(row, first, last, to);
      }
    }
    if (++pixels_ == 2 * p_.pairs) Flush();
  }

  void Flush() {
    if (pixels_ >= 2) Multiply(columns_, pixels_ >> 1, 2 * p_.out_channels);
    if (pixels_ & 1) Multiply(columns_ + 2 * p_.steps * (pixels_ >> 1), 1, 0);
    pixels_ = 0;
  }

 private:
  void Copy(const int16_t* from, uint32_t* to) const {
    for (int32_t i = p_.row_words; i > 0; --i, from += 2, to += 2) *to = LoadWord(from);
  }

  // Elements [first, last) of a row; zeros around them.
  void CopyPart(const int16_t* from, int32_t first, int32_t last, uint32_t* to) const {
    for (int32_t i = 0; i < 2 * p_.row_words; i += 2, to += 2) {
      *to = Lanes(i >= first && i < last ? from[i] : 0,
                  i + 1 >= first && i + 1 < last ? from[i + 1] : 0);
    }
  }

  void Multiply(const uint32_t* columns, int32_t pairs, int32_t pixel_bytes) {
    const int32_t quads = p_.out_channels / kQuad16, rest = p_.out_channels % kQuad16;
    DotShape16 shape = {p_.steps, quads, pairs, pixel_bytes, p_.left, p_.lowest, p_.highest};
    const uint32_t* stream = stream_;
    if (quads > 0) stream = dot_(columns, stream, output_, &shape);
    const int32_t pixels = pixel_bytes ? 2 * pairs : 1;
    if (rest > 0) {
      int16_t last[2 * limits::kPairs16 * kQuad16];
      shape.quads = 1;
      shape.pixel_bytes = pixel_bytes ? 2 * kQuad16 : 0;
      dot_(columns, stream, last, &shape);
      int16_t* to = output_ + quads * kQuad16;
      for (int32_t i = 0; i < pixels; ++i, to += p_.out_channels) {
        for (int32_t c = 0; c < rest; ++c) to[c] = last[i * kQuad16 + c];
      }
    }
    output_ += pixels * p_.out_channels;
  }

  const ConvParams16& p_;
  uint32_t* columns_;
  const uint32_t* stream_;
  int16_t* output_;
  DotPairs16* dot_;
  int32_t pixels_ = 0;
};

}  // namespace

extern "C" {

void td_conv16(const ConvParams16* params, const int16_t* input, const uint32_t* stream,
               int16_t* output, uint32_t* columns, DotPairs16* dot) {
  const ConvParams16& p = *params;
  TINYDEPLOY_WITHIN(p.pairs > 0 && p.pairs <= limits::kPairs16);
  TINYDEPLOY_WITHIN(p.steps >= p.kernel_height * p.row_words && p.steps % kTurn == 0);
  Batch batch(p, columns, stream, output, dot);
  for (int32_t oy = 0; oy < p.out_height; ++oy) {
    const int32_t y = oy * p.stride_height - p.pad_top;
    for (int32_t ox = 0; ox < p.out_width; ++ox) {
      batch.Add(input, y, ox * p.stride_width - p.pad_left);
    }
  }
  batch.Flush();
}

void td_fully_connected16(const FullyConnectedParams16* params, const int16_t* input,
                          const uint32_t* stream, int16_t* output) {
  const FullyConnectedParams16& p = *params;
  const int32_t steps = (p.depth + 1) / 2;
  for (int32_t b = 0; b < p.batches; ++b, input += p.depth) {
    const uint32_t* words = stream;
    for (int32_t unit = 0; unit < p.units; unit += kQuad16) {
      Quad16 quad;
      quad.Start(words);
      words += kQuad16;
      const int16_t* x = input;
      for (int32_t i = steps / 2; i > 0; --i, x += 4, words += 4) {
        quad.Add(LoadWord(x), words[0], words[1]);
        quad.Add(LoadWord(x + 2), words[2], words[3]);
      }
      if (steps & 1) {
        quad.Add(LoadWord(x), words[0], words[1]);
        words += 2;
      }
      for (int32_t i = 0; i < kQuad16 && unit + i < p.units; ++i) {
        *output++ = quad.Output(i, words[i], p.left, p.lowest, p.highest);
      }
      words += kQuad16;
    }
  }
}

}  // extern "C"
}  // namespace tinydeploy
