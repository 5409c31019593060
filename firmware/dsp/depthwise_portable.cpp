// Portable bodies of depthwise.h.
#include "dsp/depthwise.h"

#if !defined(__ARM_FEATURE_DSP)

#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

// Half `index` of a column's lines, counted over adjacent columns, at a channel's position `x`.
int32_t At(const uint32_t* planes, int32_t column_words, int32_t line, int32_t x) {
  const uint32_t word = planes[line / 2 * column_words + 4 * x];
  return line % 2 == 0 ? Bottom(word) : Top(word);
}

// Byte of a record's word for kernel column kx that holds row ky.
int32_t Weight(const uint32_t* record, int32_t ky, int32_t kx) {
  static constexpr uint8_t kShift[3] = {8, 24, 16};
  return static_cast<int8_t>((record[kx] >> kShift[ky]) & 0xff);
}

int8_t Output(const uint32_t* planes, const uint32_t* record, int32_t column_words, int32_t line,
              int32_t x, bool is_signed) {
  uint32_t sum = record[3];
  for (int32_t ky = 0; ky < 3; ++ky) {
    for (int32_t kx = 0; kx < 3; ++kx) {
      const int32_t product = At(planes, column_words, line + ky, x + kx) * Weight(record, ky, kx);
      sum += static_cast<uint32_t>(product) << 8;
    }
  }
  const int32_t y = ScaleWide(sum, record[4], record[5], record[6], is_signed);
  return static_cast<int8_t>(y < -128 ? -128 : y > 127 ? 127 : y);
}

void Columns(const uint32_t* planes, const uint32_t* record, int8_t* out, const DepthwiseColumns& g,
             int32_t stride, bool is_signed) {
  const int32_t width = stride == 1 ? g.blocks / 16 + g.odd : g.blocks / 32;
  const int32_t column_words = g.column / 4;
  for (int32_t j = 0; j < g.count; ++j) {
    const int32_t lines = j + 1 == g.count && g.last_out_line == 0 ? 1 : 2;
    for (int32_t line = 0; line < lines; ++line) {
      for (int32_t x = 0; x < width; ++x) {
        out[(2 * j + line) * g.out_line + x * g.out_pixel] =
            Output(planes, record, column_words, (2 * j + line) * stride, x * stride, is_signed);
      }
    }
  }
}

}  // namespace

extern "C" {

void td_depthwise_positive(const uint32_t* planes, const uint32_t* record, int8_t* out,
                           const DepthwiseColumns* geometry) {
  Columns(planes, record, out, *geometry, 1, false);
}

void td_depthwise_signed(const uint32_t* planes, const uint32_t* record, int8_t* out,
                         const DepthwiseColumns* geometry) {
  Columns(planes, record, out, *geometry, 1, true);
}

void td_depthwise_stride2_positive(const uint32_t* planes, const uint32_t* record, int8_t* out,
                                   const DepthwiseColumns* geometry) {
  Columns(planes, record, out, *geometry, 2, false);
}

void td_depthwise_stride2_signed(const uint32_t* planes, const uint32_t* record, int8_t* out,
                                 const DepthwiseColumns* geometry) {
  Columns(planes, record, out, *geometry, 2, true);
}

uint32_t* td_expand_lines(const int8_t* a, const int8_t* b, int32_t step_a, int32_t step_b,
                          int32_t count, uint32_t* out) {
  for (; count > 0; --count, a += step_a, b += step_b) {
    for (int channel = 0; channel < 4; ++channel) *out++ = Lanes(a[channel], b[channel]);
  }
  return out;
}

}  // extern "C"
}  // namespace tinydeploy

#endif  // !__ARM_FEATURE_DSP
