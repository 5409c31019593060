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
      const int32_t below = y + 1 < p_.out_height ? line : 0;
      for (int32_t x = 0; x < p_.out_width; x += 2) {
        const int32_t other = x + 1 < p_.out_width ? 1 : 0;
        const DepthwiseTapsShape shape = {p_.kernel_width, taps_, 4 * column_words_,
                                          16 * p_.stride_width * other};
        uint32_t sums[4] = {record[0], 0, 0, 0};
        td_depthwise_taps(row + 4 * x * p_.stride_width, weights_, sums, &shape);
        int8_t* first = output + x * p_.channels;
        int8_t* second = first + other * p_.channels;
        second[below] = Output(sums[3], record);  // where it is not there, the next ones go over it
        second[0] = Output(sums[2], record);
        first[below] = Output(sums[1], record);
        first[0] = Output(sums[0], record);
      }
      output += 2 * line;
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

extern "C" {

#if !defined(__ARM_FEATURE_DSP)
void td_depthwise_taps(const uint32_t* words, const uint32_t* weights, uint32_t* sums,
                       const DepthwiseTapsShape* shape) {
  const int32_t column = shape->column / 4, second = shape->second / 4;
  sums[1] = sums[2] = sums[3] = sums[0];
  for (int32_t kx = 0; kx < shape->kernel_width; ++kx, words += 4) {
    for (int32_t i = 0; i < shape->taps; ++i, weights += 2) {
      const uint32_t a = words[i * column], b = words[i * column + second];
      sums[0] = MultiplyAdd(a, weights[0], sums[0]);
      sums[1] = MultiplyAdd(a, weights[1], sums[1]);
      sums[2] = MultiplyAdd(b, weights[0], sums[2]);
      sums[3] = MultiplyAdd(b, weights[1], sums[3]);
    }
  }
}
#endif

void td_depthwise_any(const DepthwiseAnyParams* params, const int8_t* input,
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

}  // extern "C"
}  // namespace tinydeploy
