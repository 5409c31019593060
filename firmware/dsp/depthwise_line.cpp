#include "dsp/depthwise_line.h"

#include "dsp/depthwise.h"
#include "dsp/lanes.h"
#include "kernels/common/fixed_point.h"

namespace tinydeploy {
namespace {

constexpr int32_t kGroup = 4, kBlock = 4;
constexpr int32_t kNumberWords = 4;  // of a record, in front of the weights

int8_t Clamped(int32_t y) { return static_cast<int8_t>(y < -128 ? -128 : y > 127 ? 127 : y); }

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
    plane_ = scratch + kGroup * 2 * pairs_;
    record_words_ = kNumberWords + (p.taps + 3) / 4;
    zero_ = 0x01010101u * static_cast<uint8_t>(p.input_zero_point);
  }

  // The channels of a group, whose records begin at `records`.
  void Group(const int8_t* input, const uint32_t* records, int8_t* output, int32_t channels) const {
    for (int32_t i = 0; i < channels; ++i)
      Spread(records + i * record_words_, weights_ + 2 * pairs_ * i);
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
        for (int32_t i = 0; i < channels; ++i) Channel(one, records + i * record_words_, i);
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

  // Pairs of 256 times the weights, for outputs at even and at odd places.
  void Spread(const uint32_t* record, uint32_t* to) const {
    const auto* weights = reinterpret_cast<const int8_t*>(record + kNumberWords);
    int32_t before = 0;
    for (int32_t i = 0; i < 2 * pairs_; i += 2) {
      const int32_t a = i < p_.taps ? 256 * weights[i] : 0;
      const int32_t b = i + 1 < p_.taps ? 256 * weights[i + 1] : 0;
      *to++ = Lanes(a, b);
      *to++ = Lanes(before, a);
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

  void Channel(const Line& line, const uint32_t* record, int32_t index) const {
    const uint32_t* const weights = weights_ + 2 * pairs_ * index;
    const int32_t blocks = line.positions / kBlock, rest = line.positions % kBlock;
    LineShape shape = {pairs_,    blocks,    line.out_step, record[0] << 8,
                       record[1], record[2], record[3]};
    if (blocks > 0) taps_(plane_ + index, weights, line.output + index, &shape);
    if (rest > 0) {
      int8_t last[kBlock];
      shape.blocks = 1;
      shape.out_step = 1;
      taps_(plane_ + index + kGroup * 2 * p_.stride * blocks, weights, last, &shape);
      int8_t* to = line.output + index + blocks * kBlock * line.out_step;
      for (int32_t i = 0; i < rest; ++i, to += line.out_step) *to = last[i];
    }
  }

  const DepthwiseLineParams& p_;
  LineTaps* const taps_;
  const int32_t pairs_;
  uint32_t *weights_, *plane_;
  int32_t record_words_;
  uint32_t zero_;
};

// Outputs at even places only, two at a time.
template <bool kSigned>
void EvenPlaces(const uint32_t* plane, const uint32_t* weights, int8_t* out, const LineShape& s) {
  for (int32_t left = 2 * s.blocks; left > 0; --left, plane += 2 * kGroup) {
    const uint32_t *x = plane, *w = weights;
    uint32_t first = s.start, second = s.start, a = *x;
    for (int32_t i = 0; i < s.pairs; ++i, w += 2) {
      x += kGroup;
      const uint32_t b = *x;
      first = MultiplyAdd(a, *w, first);
      second = MultiplyAdd(b, *w, second);
      a = b;
    }
    out[0] = Clamped(ScaleWide(first, s.multiplier, s.constant, s.shift, kSigned));
    out[s.out_step] = Clamped(ScaleWide(second, s.multiplier, s.constant, s.shift, kSigned));
    out += 2 * s.out_step;
  }
}

#if !defined(__ARM_FEATURE_DSP)
void EveryPlace(const uint32_t* plane, const uint32_t* weights, int8_t* out, const LineShape& s,
                bool is_signed) {
  for (int32_t place = 0; place < kBlock * s.blocks; ++place, out += s.out_step) {
    const uint32_t* x = plane + kGroup * (place / 2);
    uint32_t sum = s.start;
    for (int32_t i = 0; i < s.pairs; ++i) {
      sum = MultiplyAdd(x[kGroup * i], weights[2 * i + place % 2], sum);
    }
    *out = Clamped(ScaleWide(sum, s.multiplier, s.constant, s.shift, is_signed));
  }
}
#endif

}  // namespace

extern "C" {

#if !defined(__ARM_FEATURE_DSP)
void td_line_positive(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                      const LineShape* shape) {
  EveryPlace(plane, weights, out, *shape, false);
}

void td_line_signed(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                    const LineShape* shape) {
  EveryPlace(plane, weights, out, *shape, true);
}

void td_line_three_positive(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                            const LineShape* shape) {
  EveryPlace(plane, weights, out, *shape, false);
}

void td_line_three_signed(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                          const LineShape* shape) {
  EveryPlace(plane, weights, out, *shape, true);
}
#endif

void td_line_stride2_positive(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                              const LineShape* shape) {
  EvenPlaces<false>(plane, weights, out, *shape);
}

void td_line_stride2_signed(const uint32_t* plane, const uint32_t* weights, int8_t* out,
                            const LineShape* shape) {
  EvenPlaces<true>(plane, weights, out, *shape);
}

void td_depthwise_line(const DepthwiseLineParams* params, const int8_t* input,
                       const uint32_t* records, int8_t* output, uint32_t* scratch, LineTaps* taps) {
  const Convolution convolution(*params, scratch, taps);
  for (int32_t channel = 0; channel < params->channels; channel += kGroup) {
    convolution.Group(input + channel, records + channel * convolution.record_words(),
                      output + channel, Min<int32_t>(params->channels - channel, kGroup));
  }
}

}  // extern "C"
}  // namespace tinydeploy
