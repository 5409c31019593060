#include "dsp/move.h"

#include "abi/limits.h"
#include "dsp/bytes.h"

namespace tinydeploy {
namespace {

struct __attribute__((packed, may_alias)) UnalignedHalf {
  uint16_t value;
};

// `count` elements; four at a time: a taken branch costs as much as a load and a store.
template <class Element>
void MoveElements(int32_t count, const int8_t* from, int32_t input_stride, int8_t* to,
                  int32_t output_stride) {
  const auto next = [&] {
    *reinterpret_cast<Element*>(to) = *reinterpret_cast<const Element*>(from);
    from += input_stride;
    to += output_stride;
  };
  for (; count >= 4; count -= 4) {
    next();
    next();
    next();
    next();
    Opaque(&count);
  }
  for (; count > 0; --count) {
    next();
    Opaque(&count);
  }
}

// The innermost loop; single elements without the set-up of a copy.
void MoveRow(const MoveParams& p, const int8_t* from, int8_t* to) {
  constexpr int kPixel = limits::kMoveDims - 1;
  static_assert(limits::kMoveDims == 5, "td_move has four loops around this one");
  const int32_t count = p.counts[kPixel];
  const int32_t input_stride = p.input_strides[kPixel], output_stride = p.output_strides[kPixel];
  switch (p.bytes) {
    case 1:
      return MoveElements<int8_t>(count, from, input_stride, to, output_stride);
    case 2:
      return MoveElements<UnalignedHalf>(count, from, input_stride, to, output_stride);
    case 4:
      return MoveElements<UnalignedWord>(count, from, input_stride, to, output_stride);
    default:
      for (int32_t x = 0; x < count; ++x, from += input_stride, to += output_stride) {
        CopyBytes(to, from, p.bytes);
      }
  }
}

}  // namespace

extern "C" void td_move(const MoveParams* params, const int8_t* input, int8_t* output) {
  const MoveParams& p = *params;
  input += p.offset;
  for (int32_t a = 0; a < p.counts[0]; ++a) {
    for (int32_t b = 0; b < p.counts[1]; ++b) {
      for (int32_t c = 0; c < p.counts[2]; ++c) {
        const int8_t* from =
            input + a * p.input_strides[0] + b * p.input_strides[1] + c * p.input_strides[2];
        int8_t* to =
            output + a * p.output_strides[0] + b * p.output_strides[1] + c * p.output_strides[2];
        for (int32_t y = 0; y < p.counts[3]; ++y) {
          MoveRow(p, from, to);
          from += p.input_strides[3];
          to += p.output_strides[3];
        }
      }
    }
  }
}

}  // namespace tinydeploy
