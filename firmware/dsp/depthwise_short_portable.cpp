// Bodies of depthwise_short.h for cores without DSP instructions.
#include "dsp/depthwise_short.h"
#include "dsp/lanes.h"

#if !defined(__ARM_FEATURE_DSP)

namespace tinydeploy {
namespace {

template <int kTaps, int kStride, bool kSigned>
class Channel {
 public:
  static constexpr int32_t kRecordWords = kTaps + 3;

  Channel(const ShortLine& line, const uint32_t* record) : line_(line), record_(record) {
    const uint32_t* const pairs = record + 2;
    for (int i = 0; i + 1 < kTaps; ++i) {
      const uint32_t word = pairs[i / 2];
      weights_[i] = i % 2 ? Top(word) : Bottom(word);
    }
    weights_[kTaps - 1] = Top(record[kRecordWords - 3]);
    for (int32_t i = 0; i + 1 < kTaps; ++i) window_[i] = Bottom(line_.padding);
    for (int32_t i = 0; i < line_.front; ++i) Shift(Next());
  }

  void Run() {
    int32_t whole = line_.span / line_.step;
    for (; whole > 0; whole -= kStride) Step(true);
    for (; line_.rest > 0; --line_.rest) Step(false);
  }

 private:
  int32_t Next() {
    const int32_t element = *line_.input;
    line_.input += line_.step;
    return element;
  }

  int32_t Element(bool whole) {
    if (whole) return Next();
    return line_.left-- > 0 ? Next() : Bottom(line_.padding);
  }

  void Shift(int32_t element) {
    for (int i = 0; i + 2 < kTaps; ++i) window_[i] = window_[i + 1];
    window_[kTaps - 2] = element;
  }

  void Step(bool whole) {
    const int32_t last = Element(whole);
    uint32_t sum = record_[kRecordWords - 2] + static_cast<uint32_t>(last * weights_[kTaps - 1]);
    for (int i = 0; i + 1 < kTaps; ++i) sum += static_cast<uint32_t>(window_[i] * weights_[i]);
    *line_.output = Scaled(static_cast<int32_t>(sum));
    line_.output += line_.step;
    Shift(last);
    if (kStride == 2) Shift(Element(whole));
  }

  int8_t Scaled(int32_t sum) const {
    const auto multiplier = static_cast<int32_t>(record_[0]);
    int32_t y = MultiplyHighAdd(sum, multiplier, static_cast<int32_t>(record_[1]));
    if (kSigned && sum < 0) --y;
    y >>= record_[kRecordWords - 1];
    return static_cast<int8_t>(y < -128 ? -128 : y > 127 ? 127 : y);
  }

  ShortLine line_;
  const uint32_t* const record_;
  int32_t weights_[kTaps], window_[kTaps - 1];
};

template <class Body>
void Channels(ShortLine* line, const uint32_t* records) {
  for (; line->channels > 0; --line->channels, records += Body::kRecordWords) {
    Body(*line, records).Run();
    ++line->input;
    ++line->output;
  }
}

}  // namespace

extern "C" {

void td_short_three_positive(ShortLine* line, const uint32_t* records) {
  Channels<Channel<3, 1, false>>(line, records);
}
void td_short_three_signed(ShortLine* line, const uint32_t* records) {
  Channels<Channel<3, 1, true>>(line, records);
}
void td_short_three_stride2_positive(ShortLine* line, const uint32_t* records) {
  Channels<Channel<3, 2, false>>(line, records);
}
void td_short_three_stride2_signed(ShortLine* line, const uint32_t* records) {
  Channels<Channel<3, 2, true>>(line, records);
}
void td_short_five_positive(ShortLine* line, const uint32_t* records) {
  Channels<Channel<5, 1, false>>(line, records);
}
void td_short_five_signed(ShortLine* line, const uint32_t* records) {
  Channels<Channel<5, 1, true>>(line, records);
}
void td_short_five_stride2_positive(ShortLine* line, const uint32_t* records) {
  Channels<Channel<5, 2, false>>(line, records);
}
void td_short_five_stride2_signed(ShortLine* line, const uint32_t* records) {
  Channels<Channel<5, 2, true>>(line, records);
}
void td_short_nine_positive(ShortLine* line, const uint32_t* records) {
  Channels<Channel<9, 1, false>>(line, records);
}
void td_short_nine_signed(ShortLine* line, const uint32_t* records) {
  Channels<Channel<9, 1, true>>(line, records);
}
void td_short_nine_stride2_positive(ShortLine* line, const uint32_t* records) {
  Channels<Channel<9, 2, false>>(line, records);
}
void td_short_nine_stride2_signed(ShortLine* line, const uint32_t* records) {
  Channels<Channel<9, 2, true>>(line, records);
}

}  // extern "C"
}  // namespace tinydeploy

#endif  // !__ARM_FEATURE_DSP
