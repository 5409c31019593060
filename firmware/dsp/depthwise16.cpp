// Depthwise convolution of int16 activations: two channels of a word at once.
#include "dsp/bytes.h"
#include "dsp/conv16.h"
#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

constexpr int32_t kRecordWords = 4;  // of two channels, in front of the weights

// a + lower lanes' product, b + upper lanes' product.
inline void MultiplyLanes(uint32_t x, uint32_t weights, int32_t* a, int32_t* b) {
#if defined(__ARM_FEATURE_DSP)
  asm("smlabb %0, %1, %2, %0" : "+r"(*a) : "r"(x), "r"(weights));
  asm("smlatt %0, %1, %2, %0" : "+r"(*b) : "r"(x), "r"(weights));
#else
  *a += Bottom(x) * Bottom(weights);
  *b += Top(x) * Top(weights);
#endif
}

inline uint32_t Turned(uint32_t word) { return (word >> 8) | (word << 24); }

// The taps [begin, end) of one dimension that meet the input.
struct Taps {
  int32_t begin, end;
};

Taps Cut(int32_t first, int32_t kernel, int32_t size) {
  const int32_t end = size - first;
  return {first < 0 ? -first : 0, end < kernel ? end : kernel};
}

// Sums of two channels.
struct Pair {
  int32_t a, b;

  void Add(uint32_t x, uint32_t weights) { MultiplyLanes(x, weights, &a, &b); }
};

// Its functions are not inlined: together they would have no registers left.
class Layer {
 public:
  Layer(const DepthwiseParams16& p, const uint32_t* stream)
      : p_(p),
        stream_(stream),
        row_words_((p.kernel_width + 1) / 2),
        row_(p.in_width * p.channels),
        record_words_(kRecordWords + p.kernel_height * row_words_) {}

  // One pixel. at: the element under the first tap of channel 0.
  [[gnu::noinline]] void One(const int16_t* at, Taps ys, Taps xs, int16_t* output) const {
    const uint32_t* record = stream_;
    for (int32_t c = 0; c < p_.channels; c += 2, record += record_words_) {
      Pair sum = Start(record);
      for (int32_t y = ys.begin; y < ys.end; ++y) {
        const uint32_t* weights = record + kRecordWords + y * row_words_;
        const int16_t* x = at + c + y * row_ + xs.begin * p_.channels;
        for (int32_t tap = xs.begin; tap < xs.end; ++tap, x += p_.channels) {
          const uint32_t word = weights[tap >> 1];
          sum.Add(LoadWord(x), Sxtb16(tap & 1 ? Turned(word) : word));
        }
      }
      Store(sum, record, c, output + c);
    }
  }

  // One or two pixels of a kernel of three columns. left: the first has its first tap; right: the
  // last one has its last.
  template <int kPixels>
  [[gnu::noinline]] void Three(const int16_t* at, Taps ys, bool left, bool right,
                               int16_t* output) const {
    const uint32_t* record = stream_;
    const int32_t channels = p_.channels, next = p_.stride_width * channels;
    const int32_t rows = ys.end - ys.begin;
    at += ys.begin * row_;
    for (int32_t c = 0; c < channels; c += 2, record += record_words_, output += 2) {
      const uint32_t* weights = record + kRecordWords + ys.begin * row_words_;
      const int16_t* x = at + c;
      Pair first = Start(record), second = first;
      for (int32_t i = rows; i > 0; --i, x += row_, weights += 2) {
        const uint32_t w0 = Sxtb16(weights[0]), w1 = Sxtb16(Turned(weights[0]));
        const uint32_t w2 = Sxtb16(weights[1]);
        if (left) first.Add(LoadWord(x), w0);
        first.Add(LoadWord(x + channels), w1);
        if (kPixels == 2 || right) first.Add(LoadWord(x + 2 * channels), w2);
        if (kPixels == 2) {
          const int16_t* z = x + next;
          second.Add(LoadWord(z), w0);
          second.Add(LoadWord(z + channels), w1);
          if (right) second.Add(LoadWord(z + 2 * channels), w2);
        }
      }
      Store(first, record, c, output);
      if (kPixels == 2) Store(second, record, c, output + channels);
    }
  }

 private:
  static Pair Start(const uint32_t* record) {
    return {static_cast<int32_t>(record[0]), static_cast<int32_t>(record[1])};
  }

  void Store(Pair sum, const uint32_t* record, int32_t channel, int16_t* output) const {
    output[0] = Output(sum.a, record[2]);
    if (channel + 1 < p_.channels) output[1] = Output(sum.b, record[3]);
  }

  int16_t Output(int32_t sum, uint32_t multiplier) const {
    const auto wide = static_cast<int32_t>(static_cast<uint32_t>(sum) << p_.left);
    const int32_t y = MultiplyHigh(wide, static_cast<int32_t>(multiplier));
    return static_cast<int16_t>(y < p_.lowest ? p_.lowest : y > p_.highest ? p_.highest : y);
  }

  const DepthwiseParams16& p_;
  const uint32_t* stream_;
  int32_t row_words_, row_, record_words_;
};

}  // namespace

extern "C" void td_depthwise16(const DepthwiseParams16* params, const int16_t* input,
                               const uint32_t* stream, int16_t* output) {
  const DepthwiseParams16& p = *params;
  const Layer layer(p, stream);
  for (int32_t oy = 0; oy < p.out_height; ++oy) {
    const int32_t y = oy * p.stride_height - p.pad_top;
    const Taps ys = Cut(y, p.kernel_height, p.in_height);
    for (int32_t ox = 0; ox < p.out_width;) {
      const int32_t x = ox * p.stride_width - p.pad_left, behind = x + p.stride_width;
      const Taps xs = Cut(x, p.kernel_width, p.in_width);
      const Taps next = Cut(behind, p.kernel_width, p.in_width);
      const int16_t* at = input + (y * p.in_width + x) * p.channels;
      const bool three = p.kernel_width == 3 && xs.begin <= 1;
      int32_t count = 1;
      if (three && xs.end == 3 && ox + 1 < p.out_width && next.begin == 0 && next.end >= 2) {
        layer.Three<2>(at, ys, xs.begin == 0, next.end == 3, output);
        count = 2;
      } else if (three && xs.end >= 2) {
        layer.Three<1>(at, ys, xs.begin == 0, xs.end == 3, output);
      } else {
        layer.One(at, ys, xs, output);
      }
      output += count * p.channels;
      ox += count;
    }
  }
}

}  // namespace tinydeploy
