// Portable bodies of dot.h: the same words, the same results, for the PC and for cores without DSP.
#include "dsp/dot.h"

#if !defined(__ARM_FEATURE_DSP)

#include "dsp/lanes.h"

namespace tinydeploy {
namespace {

// {low, raw} of one pair of channels over `steps` words, `stride` words apart.
void Accumulate(const uint32_t* x, int32_t x_stride, const uint32_t* weights, int32_t stride,
                int32_t steps, uint32_t* sums) {
  for (int32_t i = 0; i < steps; ++i) {
    sums[1] = MultiplyAdd(x[i * x_stride], weights[i * stride], sums[1]);
    sums[0] = MultiplyAdd(x[i * x_stride], Sxtb16(weights[i * stride]), sums[0]);
  }
}

// Channels A and B of a pair. `constants`: {multiplier, constant} of A, then of B.
void Requantize(const uint32_t* sums, const uint32_t* constants, const uint8_t* shifts,
                bool is_signed, int8_t* out) {
  const uint32_t accumulators[2] = {sums[0] << 8, sums[1] - sums[0]};
  for (int i = 0; i < 2; ++i) {
    out[i] = Scale(accumulators[i], constants[2 * i], constants[2 * i + 1], shifts[i], is_signed);
  }
}

// One group of `pairs` pairs of channels for one pixel.
void Group(const uint32_t* x, int32_t x_stride, const uint32_t* stream, int32_t steps,
           int32_t pairs, bool is_signed, int8_t* out) {
  const uint32_t* weights = stream + 2 * pairs;
  const uint32_t* constants = weights + steps * pairs;
  const auto* shifts = reinterpret_cast<const uint8_t*>(constants + 4 * pairs);
  for (int32_t pair = 0; pair < pairs; ++pair) {
    uint32_t sums[2] = {stream[2 * pair], stream[2 * pair + 1]};
    Accumulate(x, x_stride, weights + pair, pairs, steps, sums);
    Requantize(sums, constants + 4 * pair, shifts + 2 * pair, is_signed, out + 2 * pair);
  }
}

const uint32_t* Pairs(const uint32_t* columns, const uint32_t* stream, int8_t* out,
                      const DotShape& shape, bool is_signed) {
  const uint32_t* group = stream;
  for (int32_t pair = 0; pair < shape.pairs; ++pair) {
    group = stream;
    for (int32_t quad = 0; quad < shape.quads; ++quad) {
      int8_t* at = out + kQuad * quad;
      Group(columns + 1, 2, group, shape.steps, 2, is_signed, at + shape.pixel_bytes);
      Group(columns, 2, group, shape.steps, 2, is_signed, at);
      group += kQuadWords + 2 * shape.steps;
    }
    columns += 2 * shape.steps;
    out += 2 * shape.pixel_bytes;
  }
  return group;
}

const uint32_t* One(const uint32_t* columns, const uint32_t* stream, int8_t* out, int32_t steps,
                    int32_t octets, bool is_signed) {
  for (int32_t i = 0; i < octets; ++i) {
    Group(columns, 1, stream, steps, 4, is_signed, out + kOctet * i);
    stream += kOctetWords + 4 * steps;
  }
  return stream;
}

}  // namespace

extern "C" {

const uint32_t* td_dot_pairs_positive(const uint32_t* columns, const uint32_t* stream, int8_t* out,
                                      const DotShape* shape) {
  return Pairs(columns, stream, out, *shape, false);
}

const uint32_t* td_dot_pairs_signed(const uint32_t* columns, const uint32_t* stream, int8_t* out,
                                    const DotShape* shape) {
  return Pairs(columns, stream, out, *shape, true);
}

const uint32_t* td_dot_pairs_positive_compact(const uint32_t* columns, const uint32_t* stream,
                                              int8_t* out, const DotShape* shape) {
  return td_dot_pairs_positive(columns, stream, out, shape);
}

const uint32_t* td_dot_pairs_signed_compact(const uint32_t* columns, const uint32_t* stream,
                                            int8_t* out, const DotShape* shape) {
  return td_dot_pairs_signed(columns, stream, out, shape);
}

const uint32_t* td_dot_one_positive(const uint32_t* columns, const uint32_t* stream, int8_t* out,
                                    int32_t steps, int32_t octets) {
  return One(columns, stream, out, steps, octets, false);
}

const uint32_t* td_dot_one_signed(const uint32_t* columns, const uint32_t* stream, int8_t* out,
                                  int32_t steps, int32_t octets) {
  return One(columns, stream, out, steps, octets, true);
}

const uint32_t* td_dot_one_positive_compact(const uint32_t* columns, const uint32_t* stream,
                                            int8_t* out, int32_t steps, int32_t octets) {
  return td_dot_one_positive(columns, stream, out, steps, octets);
}

const uint32_t* td_dot_one_signed_compact(const uint32_t* columns, const uint32_t* stream,
                                          int8_t* out, int32_t steps, int32_t octets) {
  return td_dot_one_signed(columns, stream, out, steps, octets);
}

uint32_t* td_gather(const int8_t* const* rows, const GatherShape* shape, int32_t offset,
                    int32_t pixels, uint32_t* out) {
  for (; pixels > 0; --pixels, offset += shape->pixel_step) {
    uint32_t* to = out;
    for (int32_t y = 0; y < shape->rows; ++y) {
      const int8_t* row = rows[y] + offset;
      for (int32_t i = 0; i < shape->words; ++i, row += 4, to += 4) {
        to[0] = Lanes(row[0], row[2]);
        to[2] = Lanes(row[1], row[3]);
      }
    }
    const bool is_second = reinterpret_cast<uintptr_t>(out) & 4;
    out = is_second ? to - 1 : out + 1;
  }
  return out;
}

uint32_t* td_widen(const int8_t* row, int32_t words, uint32_t* out) {
  for (int32_t i = 0; i < words; ++i, row += 4) {
    *out++ = Lanes(row[0], row[2]);
    *out++ = Lanes(row[1], row[3]);
  }
  return out;
}

}  // extern "C"
}  // namespace tinydeploy

#endif  // !__ARM_FEATURE_DSP
