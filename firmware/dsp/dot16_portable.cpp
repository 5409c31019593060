// Portable bodies of dot16.h.
#include "dsp/dot16.h"

#if !defined(__ARM_FEATURE_DSP)

namespace tinydeploy {
namespace {

// One pixel of one group; `x` goes over every second word.
const uint32_t* Pixel(const DotShape16& shape, const uint32_t* x, const uint32_t* stream,
                      int16_t* out, int32_t lowest, int32_t highest) {
  Quad16 quad;
  quad.Start(stream);
  stream += kQuad16;
  for (int32_t i = 0; i < shape.steps; ++i, stream += 2) quad.Add(x[2 * i], stream[0], stream[1]);
  for (int i = 0; i < kQuad16; ++i) {
    out[i] = quad.Output(i, stream[i], shape.left, lowest, highest);
  }
  return stream + kQuad16;
}

const uint32_t* Dot(const uint32_t* columns, const uint32_t* stream, int16_t* out,
                    const DotShape16& shape, int32_t lowest, int32_t highest) {
  for (int32_t q = 0; q < shape.quads; ++q, out += kQuad16) {
    const uint32_t* next = stream;
    for (int32_t pair = 0; pair < shape.pairs; ++pair) {
      const uint32_t* x = columns + 2 * shape.steps * pair;
      int16_t* first = out + shape.pixel_bytes * pair;  // two pixels of two bytes
      Pixel(shape, x + 1, stream, first + shape.pixel_bytes / 2, lowest, highest);
      next = Pixel(shape, x, stream, first, lowest, highest);
    }
    stream = next;
  }
  return stream;
}

}  // namespace

extern "C" {

const uint32_t* td_dot16_signed(const uint32_t* columns, const uint32_t* stream, int16_t* out,
                                const DotShape16* shape) {
  return Dot(columns, stream, out, *shape, INT16_MIN, INT16_MAX);
}

const uint32_t* td_dot16_positive(const uint32_t* columns, const uint32_t* stream, int16_t* out,
                                  const DotShape16* shape) {
  return Dot(columns, stream, out, *shape, 0, INT16_MAX);
}

const uint32_t* td_dot16_clamped(const uint32_t* columns, const uint32_t* stream, int16_t* out,
                                 const DotShape16* shape) {
  return Dot(columns, stream, out, *shape, shape->lowest, shape->highest);
}

}  // extern "C"
}  // namespace tinydeploy

#endif
