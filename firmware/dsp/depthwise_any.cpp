#include "dsp/depthwise_any.h"

#include "dsp/depthwise.h"
#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

constexpr int32_t kNumberWords = 4;  // of a record, in front of the weights

class Image {
 public:
  Image(const DepthwiseAnyParams& p, uint32_t* scratch) : p_(p) {
    taps_ = DepthwiseTaps(p.kernel_height, p.stride_height);
    columns_ = ((p.out_height + 1) / 2 - 1) * p.stride_height + taps_;
    column_words_ = 4 * ((p.out_width - 1) * p.stride_width + p.kernel_width);
    weights_ = scratch;
    planes_ = scratch + 2 * p.kernel_width * taps_;
    zero_ = 0x01010101u * static_cast<uint8_t>(p.input_zero_point);
    const uint32_t pair = 0x00010001u * static_cast<uint16_t>(p.input_zero_point);
    for (int32_t i = 0; i < columns_ * column_words_; ++i) planes_[i] = pair;
    const int32_t space = column_words_ / 4 - p.pad_left;
    pixels_ = p.in_width < space ? p.in_width : space;
  }

  // Four channels of the whole input.
  void Expand(const int8_t* input) const {
    int32_t y = -p_.pad_top;
    uint32_t* to = planes_ + 4 * p_.pad_left;
    for (int32_t i = 0; i < columns_ && pixels_ > 0; ++i, y += 2, to += column_words_) {
      td_expand_lines(Line(input, y), Line(input, y + 1), Step(y), Step(y + 1), pixels_, to);
    }
  }

  // Channel `channel` of the four, to `output` and every p.channels bytes on.
  void Convolve(int32_t channel, const uint32_t* record, int8_t* output) const {
    SpreadWeights(reinterpret_cast<const int8_t*>(record + kNumberWords));
    const int32_t line = p_.out_width * p_.channels;
    const uint32_t* row = planes_ + channel;
    for (int32_t y = 0; y < p_.out_height; y += 2, row += p_.stride_height * column_words_) {
      const bool has_lower = y + 1 < p_.out_height;
      for (int32_t x = 0; x < p_.out_width; ++x, output += p_.channels) {
        uint32_t upper = record[0], lower = record[0];
        Sum(row + 4 * x * p_.stride_width, &upper, &lower);
        output[0] = Output(upper, record);
        if (has_lower) output[line] = Output(lower, record);
      }
      output += line;
    }
  }

 private:
  bool Has(int32_t y) const { return y >= 0 && y < p_.in_height; }
  int32_t Step(int32_t y) const { return Has(y) ? p_.channels : 0; }
  const int8_t* Line(const int8_t* input, int32_t y) const {
    if (!Has(y)) return reinterpret_cast<const int8_t*>(&zero_);
    return input + y * p_.in_width * p_.channels;
  }

  int32_t Weight(const int8_t* column, int32_t ky) const {
    return ky >= 0 && ky < p_.kernel_height ? column[ky] : 0;
  }

  // Pairs of weights for the upper and, stride_height lines on, the lower output.
  void SpreadWeights(const int8_t* weights) const {
    uint32_t* to = weights_;
    for (int32_t kx = 0; kx < p_.kernel_width; ++kx, weights += p_.kernel_height) {
      for (int32_t ky = 0; ky < 2 * taps_; ky += 2) {
        const int32_t below = ky - p_.stride_height;
        *to++ = Lanes(Weight(weights, ky), Weight(weights, ky + 1));
        *to++ = Lanes(Weight(weights, below), Weight(weights, below + 1));
      }
    }
  }

  void Sum(const uint32_t* words, uint32_t* upper, uint32_t* lower) const {
    const uint32_t* weights = weights_;
    uint32_t a = *upper, b = *lower;
    for (int32_t kx = 0; kx < p_.kernel_width; ++kx, words += 4) {
      const uint32_t* word = words;
      for (int32_t i = 0; i < taps_; ++i, word += column_words_, weights += 2) {
        a = MultiplyAdd(*word, weights[0], a);
        b = MultiplyAdd(*word, weights[1], b);
      }
    }
    *upper = a, *lower = b;
  }

  int8_t Output(uint32_t sum, const uint32_t* record) const {
    const int32_t y = ScaleWide(sum << 8, record[1], record[2], record[3], p_.is_signed);
    return static_cast<int8_t>(y < -128 ? -128 : y > 127 ? 127 : y);
  }

  const DepthwiseAnyParams& p_;
  uint32_t *weights_, *planes_;
  int32_t taps_, columns_, column_words_, pixels_;
  uint32_t zero_;
};

}  // namespace

extern "C" void td_depthwise_any(const DepthwiseAnyParams* params, const int8_t* input,
                                 const uint32_t* records, int8_t* output, uint32_t* scratch) {
  const DepthwiseAnyParams& p = *params;
  const int32_t record_words = kNumberWords + (p.kernel_height * p.kernel_width + 3) / 4;
  const Image image(p, scratch);
  for (int32_t channel = 0; channel < p.channels; channel += 4) {
    image.Expand(input + channel);
    for (int32_t i = 0; i < 4 && channel + i < p.channels; ++i, records += record_words) {
      image.Convolve(i, records, output + channel + i);
    }
  }
}

}  // namespace tinydeploy
