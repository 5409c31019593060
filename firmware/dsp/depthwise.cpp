#include "dsp/depthwise.h"

namespace tinydeploy {
namespace {

// Input lines on their way to columns of four channels.
class Planes {
 public:
  Planes(const DepthwiseParams& p, const int8_t* input, uint32_t* scratch)
      : p_(p), input_(input), scratch_(scratch) {
    column_words_ = DepthwiseColumnWords(p.out_width, p.stride);
    zero_ = 0x01010101u * static_cast<uint8_t>(p.input_zero_point);
    zero_pair_ = 0x00010001u * static_cast<uint16_t>(p.input_zero_point);
  }

  // Fills `count` columns from `to` on with the lines from `y` on.
  void Expand(int32_t y, int32_t count, int32_t to) const {
    for (uint32_t* out = scratch_ + to * column_words_; count > 0; --count, y += 2) {
      out = ExpandPair(y, out);
    }
  }

  // Makes the last column of a band the first of the next.
  void Carry(int32_t from) const {
    const uint32_t* source = scratch_ + from * column_words_;
    for (int32_t i = 0; i < column_words_; i += 4) {
      const uint32_t a = source[i], b = source[i + 1], c = source[i + 2], d = source[i + 3];
      scratch_[i] = a, scratch_[i + 1] = b, scratch_[i + 2] = c, scratch_[i + 3] = d;
    }
  }

 private:
  uint32_t* Pad(int32_t pixels, uint32_t* out) const {
    for (; pixels > 0; --pixels, out += 4) out[0] = out[1] = out[2] = out[3] = zero_pair_;
    return out;
  }

  bool Has(int32_t y) const { return y >= 0 && y < p_.in_height; }

  const int8_t* Line(int32_t y) const {
    if (!Has(y)) return reinterpret_cast<const int8_t*>(&zero_);
    return input_ + y * p_.in_width * p_.channels;
  }

  uint32_t* ExpandPair(int32_t y, uint32_t* out) const {
    uint32_t* const end = out + column_words_;
    out = Pad(p_.pad_left, out);
    const int32_t space = static_cast<int32_t>(end - out) / 4;
    const int32_t pixels = p_.in_width < space ? p_.in_width : space;
    out = td_expand_lines(Line(y), Line(y + 1), Has(y) ? p_.channels : 0,
                          Has(y + 1) ? p_.channels : 0, pixels, out);
    return Pad(static_cast<int32_t>(end - out) / 4, out);
  }

  const DepthwiseParams& p_;
  const int8_t* input_;
  uint32_t* scratch_;
  int32_t column_words_;
  uint32_t zero_, zero_pair_;
};

// Four channels, or the `channels` that are left, of the whole image.
void Group(const DepthwiseParams& p, const int8_t* input, const uint32_t* records, int8_t* output,
           uint32_t* scratch, DepthwiseColumn* column, int32_t channels) {
  const Planes planes(p, input, scratch);
  const int32_t line = p.out_width * p.channels;
  DepthwiseColumns g;
  g.out_line = line;
  g.out_pixel = p.channels;
  g.column = 4 * DepthwiseColumnWords(p.out_width, p.stride);
  g.blocks = 32 * (p.stride == 1 ? p.out_width / 2 : p.out_width);
  g.odd = p.stride == 1 && (p.out_width & 1);
  int32_t y = -p.pad_top;
  planes.Expand(y, 1, 0);
  for (int32_t left = p.out_height; left > 0; left -= 2 * p.band, output += 2 * p.band * line) {
    const int32_t pairs = (left + 1) / 2;
    g.count = pairs < p.band ? pairs : p.band;
    g.last_out_line = (left & 1) && pairs <= p.band ? 0 : line;
    planes.Expand(y + 2, g.count * p.stride, 1);
    for (int32_t i = 0; i < channels; ++i) {
      column(scratch + i, records + i * kDepthwiseRecordWords, output + i, &g);
    }
    if (pairs > p.band) planes.Carry(p.band * p.stride);
    y += 2 * p.band * p.stride;
  }
}

}  // namespace

extern "C" void td_depthwise(const DepthwiseParams* params, const int8_t* input,
                             const uint32_t* records, int8_t* output, uint32_t* scratch,
                             DepthwiseColumn* column) {
  for (int32_t channel = 0; channel < params->channels; channel += 4) {
    const int32_t left = params->channels - channel;
    Group(*params, input + channel, records + channel * kDepthwiseRecordWords, output + channel,
          scratch, column, left < 4 ? left : 4);
  }
}

}  // namespace tinydeploy
