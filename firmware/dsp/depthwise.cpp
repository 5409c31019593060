#include "dsp/depthwise.h"

#include "dsp/within.h"

namespace tinydeploy {
namespace {

// Input lines on their way to columns of four channels. The last column of a band is the first of
// the next: bands fill scratch from left to right and from right to left in turn.
class Planes {
 public:
  Planes(const DepthwiseParams& p, uint32_t* scratch) : p_(p), scratch_(scratch) {
    column_words_ = DepthwiseColumnWords(p.out_width, p.stride);
    last_ = p.band * p.stride;
    zero_ = 0x01010101u * static_cast<uint8_t>(p.input_zero_point);
    const uint32_t pair = 0x00010001u * static_cast<uint16_t>(p.input_zero_point);
    for (int32_t i = 0; i < column_words_ * (last_ + 1); ++i) scratch[i] = pair;
    const int32_t space = column_words_ / 4 - p.pad_left;
    pixels_ = p.in_width < space ? p.in_width : space;
  }

  void Turn() { reversed_ = !reversed_; }
  uint32_t* Column(int32_t i) const {
    return scratch_ + (reversed_ ? last_ - i : i) * column_words_;
  }
  int32_t StepBytes() const { return 4 * (reversed_ ? -column_words_ : column_words_); }

  // Fills `count` columns from column `to` on with the lines from `y` on.
  void Expand(const int8_t* input, int32_t y, int32_t count, int32_t to) const {
    for (; count > 0; --count, ++to, y += 2) {
      td_expand_lines(Line(input, y), Line(input, y + 1), Step(y), Step(y + 1), pixels_,
                      Column(to) + 4 * p_.pad_left);
    }
  }

 private:
  bool Has(int32_t y) const { return y >= 0 && y < p_.in_height; }
  int32_t Step(int32_t y) const { return Has(y) ? p_.channels : 0; }
  const int8_t* Line(const int8_t* input, int32_t y) const {
    if (!Has(y)) return reinterpret_cast<const int8_t*>(&zero_);
    return input + y * p_.in_width * p_.channels;
  }

  const DepthwiseParams& p_;
  uint32_t* const scratch_;
  int32_t column_words_, last_, pixels_;
  uint32_t zero_;
  bool reversed_ = false;
};

// Four channels, or the `channels` that are left, of the whole image.
void Group(const DepthwiseParams& p, Planes* planes, const int8_t* input, const uint32_t* records,
           int8_t* output, DepthwiseColumn* column, int32_t channels) {
  const int32_t line = p.out_width * p.channels;
  DepthwiseColumns g;
  g.out_line = line;
  g.out_pixel = p.channels;
  g.blocks = 32 * (p.stride == 1 ? p.out_width / 2 : p.out_width);
  g.odd = p.stride == 1 && (p.out_width & 1);
  int32_t y = -p.pad_top;
  planes->Expand(input, y, 1, 0);
  for (int32_t left = p.out_height; left > 0; left -= 2 * p.band, output += 2 * p.band * line) {
    const int32_t pairs = (left + 1) / 2;
    g.count = pairs < p.band ? pairs : p.band;
    g.last_out_line = (left & 1) && pairs <= p.band ? 0 : line;
    g.column = planes->StepBytes();
    planes->Expand(input, y + 2, g.count * p.stride, 1);
    for (int32_t i = 0; i < channels; ++i) {
      column(planes->Column(0) + i, records + i * kDepthwiseRecordWords, output + i, &g);
    }
    planes->Turn();
    y += 2 * p.band * p.stride;
  }
}

}  // namespace

extern "C" void td_depthwise(const DepthwiseParams* params, const int8_t* input,
                             const uint32_t* records, int8_t* output, uint32_t* scratch,
                             DepthwiseColumn* column) {
  TINYDEPLOY_WITHIN((params->stride == 1 || params->stride == 2) && params->band > 0);
  Planes planes(*params, scratch);
  for (int32_t channel = 0; channel < params->channels; channel += 4) {
    const int32_t left = params->channels - channel;
    Group(*params, &planes, input + channel, records + channel * kDepthwiseRecordWords,
          output + channel, column, left < 4 ? left : 4);
  }
}

}  // namespace tinydeploy
