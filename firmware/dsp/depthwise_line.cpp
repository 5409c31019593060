#include "dsp/depthwise_line.h"

#include "dsp/depthwise.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

constexpr int32_t kGroup = 4, kBlock = 4;
constexpr int32_t kNumberWords = 4;  // of a record, in front of the weights

// One line, or one phase of a dilated one.
struct Line {
  const int8_t* input;
  int8_t* output;
  int32_t length, positions;
  int32_t step, out_step;  // bytes
};

class Convolution {
 public:
  Convolution(const DepthwiseLineParams& p, uint32_t* scratch, LineTaps* taps)
      : p_(p), taps_(taps), pairs_(LinePairs(p.taps, p.stride)) {
    weights_ = scratch;
    weight_words_ = LineWeightWords(pairs_);
    plane_ = scratch + kGroup * weight_words_;
    record_words_ = kNumberWords + (pairs_ + 1) / 2;
    zero_ = 0x01010101u * static_cast<uint8_t>(p.input_zero_point);
  }

  // The channels of a group, whose records begin at `records`.
  void Group(const int8_t* input, const uint32_t* records, int8_t* output, int32_t channels) const {
    for (int32_t i = 0; i < channels; ++i) {
      Spread(records + i * record_words_, weights_ + i * weight_words_);
    }
    for (int32_t line = 0; line < p_.lines; ++line) {
      for (int32_t phase = 0; phase < p_.dilation; ++phase) {
        const Line one = {input + phase * static_cast<int32_t>(p_.step),
                          output + phase * static_cast<int32_t>(p_.out_step),
                          Share(p_.length, phase),
                          Share(p_.positions, phase),
                          static_cast<int32_t>(p_.step) * p_.dilation,
                          static_cast<int32_t>(p_.out_step) * p_.dilation};
        if (one.positions <= 0) break;
        Expand(one);
        const int32_t blocks = (one.positions + kBlock - 1) / kBlock;
        const LineShape shape = {pairs_, blocks, one.positions - (blocks - 1) * kBlock,
                                 one.out_step};
        for (int32_t i = 0; i < channels; ++i) {
          taps_(plane_ + i, weights_ + i * weight_words_, one.output + i, &shape);
        }
      }
      input += p_.line_step;
      output += p_.out_line_step;
    }
  }

  int32_t record_words() const { return record_words_; }

 private:
  int32_t Share(int32_t count, int32_t phase) const {
    return (count - phase + p_.dilation - 1) / p_.dilation;
  }

  // The numbers, then pairs of 256 times the weights for outputs at even and at odd places.
  void Spread(const uint32_t* record, uint32_t* to) const {
    for (int32_t i = 0; i < kNumberWords; ++i) *to++ = *record++;
    uint32_t before = 0;
    for (int32_t i = 0; i < pairs_; i += 2, to += 4) {
      constexpr uint32_t kUpperBytes = 0xff00ff00u;
      const uint32_t word = *record++;
      const uint32_t a = word << 8 & kUpperBytes, b = word & kUpperBytes;
      to[0] = a;
      to[1] = a << 16 | before >> 16;
      to[2] = b;
      to[3] = b << 16 | a >> 16;
      before = b;
    }
  }

  // Where a pair is cut by an end of the line, the padding is its other half.
  void Expand(const Line& line) const {
    const int32_t words = LineWords(p_.taps, p_.stride, line.positions);
    const int32_t pad = p_.pad, end = line.length + pad;
    const int32_t first = Min<int32_t>((pad + 1) / 2, words), last = Min<int32_t>(end / 2, words);
    const uint32_t pair = 0x00010001u * static_cast<uint16_t>(p_.input_zero_point);
    for (int32_t i = 0; i < kGroup * first; ++i) plane_[i] = pair;
    for (int32_t i = kGroup * Max<int32_t>(last, first); i < kGroup * words; ++i) plane_[i] = pair;
    const int8_t* const zero = reinterpret_cast<const int8_t*>(&zero_);
    if (pad % 2 == 1 && first <= words) {
      td_expand_lines(zero, line.input, 0, 0, 1, plane_ + kGroup * (first - 1));
    }
    if (last > first) {
      const int8_t* from = line.input + (2 * first - pad) * line.step;
      td_expand_lines(from, from + line.step, 2 * line.step, 2 * line.step, last - first,
                      plane_ + kGroup * first);
    }
    if (end % 2 == 1 && last < words && end / 2 >= first) {
      td_expand_lines(line.input + (line.length - 1) * line.step, zero, 0, 0, 1,
                      plane_ + kGroup * last);
    }
  }

  const DepthwiseLineParams& p_;
  LineTaps* const taps_;
  const int32_t pairs_;
  uint32_t *weights_, *plane_;
  int32_t record_words_, weight_words_;
  uint32_t zero_;
};

}  // namespace

extern "C" void td_depthwise_line(const DepthwiseLineParams* params, const int8_t* input,
                                  const uint32_t* records, int8_t* output, uint32_t* scratch,
                                  LineTaps* taps) {
  const Convolution convolution(*params, scratch, taps);
  for (int32_t channel = 0; channel < params->channels; channel += kGroup) {
    convolution.Group(input + channel, records + channel * convolution.record_words(),
                      output + channel, Min<int32_t>(params->channels - channel, kGroup));
  }
}

}  // namespace tinydeploy
