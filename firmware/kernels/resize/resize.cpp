// RESIZE_BILINEAR and RESIZE_NEAREST_NEIGHBOR of NHWC images.
#include <math.h>
#include <string.h>

#include "kernels/common/fixed_point.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "kernels/layout/axes.h"

namespace tinydeploy {
namespace {

struct Side {
  int32_t input;  // pixels
  int32_t output;
  float scale;         // input pixels per output pixel
  int32_t scale_1024;  // the same in 1/1024
};

struct ResizeParams {
  int32_t batches;
  int32_t depth;
  int32_t element_bytes;
  int32_t align_corners;
  int32_t half_pixel_centers;
  Side y;
  Side x;
};

// ---- Nearest neighbour ----

int32_t Nearest(const ResizeParams& p, const Side& side, int32_t position) {
  const float offset = p.half_pixel_centers ? 0.5f : 0.0f;
  const float real = (static_cast<float>(position) + offset) * side.scale;
  const auto index = static_cast<int32_t>(p.align_corners ? roundf(real) : floorf(real));
  return Clamp<int32_t>(index, 0, side.input - 1);
}

Status EvalNearest(const void* params, void* const* args) {
  const auto& p = *static_cast<const ResizeParams*>(params);
  const auto* image = static_cast<const uint8_t*>(args[0]);
  auto* output = static_cast<uint8_t*>(args[2]);
  const int32_t pixel = p.depth * p.element_bytes;
  const int32_t row = p.x.input * pixel;
  for (int32_t b = 0; b < p.batches; ++b, image += p.y.input * row) {
    for (int32_t y = 0; y < p.y.output; ++y) {
      const uint8_t* from = image + Nearest(p, p.y, y) * row;
      for (int32_t x = 0; x < p.x.output; ++x, output += pixel) {
        memcpy(output, from + Nearest(p, p.x, x) * pixel, static_cast<size_t>(pixel));
      }
    }
  }
  return Status::kOk;
}

// ---- Bilinear ----

// Two neighbours and the share of the upper one, as float or in 1/1024.
template <class Share>
struct Between {
  int32_t lower;
  int32_t upper;
  Share share;
  Share rest;  // one minus the share
};

Between<float> Locate(const ResizeParams& p, const Side& side, int32_t position, float) {
  const auto whole = static_cast<float>(position);
  const float real = p.half_pixel_centers ? (whole + 0.5f) * side.scale - 0.5f : whole * side.scale;
  const int32_t lower = Max(static_cast<int32_t>(floorf(real)), 0);
  const int32_t upper = Min(static_cast<int32_t>(ceilf(real)), side.input - 1);
  const float share = real - static_cast<float>(lower);
  return {lower, upper, share, 1.0f - share};
}

Between<int64_t> Locate(const ResizeParams& p, const Side& side, int32_t position, int64_t) {
  int64_t fine = static_cast<int64_t>(position) * side.scale_1024;
  if (p.half_pixel_centers) fine += side.scale_1024 / 2 - 512;
  const auto lower = static_cast<int32_t>(Max<int64_t>(fine / 1024, 0));
  const auto upper = static_cast<int32_t>(Min<int64_t>((fine + 1023) / 1024, side.input - 1));
  const int64_t share = fine - 1024 * static_cast<int64_t>(lower);
  return {lower, upper, share, 1024 - share};
}

float Finish(float sum) { return sum; }
int8_t Finish(int64_t sum) {
  const int64_t half = sum > 0 ? 1 << 19 : -(1 << 19);
  return static_cast<int8_t>((sum + half) / (1 << 20));
}

template <class T, class Share>
Status EvalBilinear(const void* params, void* const* args) {
  const auto& p = *static_cast<const ResizeParams*>(params);
  const auto* image = static_cast<const T*>(args[0]);
  auto* output = static_cast<T*>(args[2]);
  const int32_t row = p.x.input * p.depth;
  for (int32_t b = 0; b < p.batches; ++b, image += p.y.input * row) {
    for (int32_t i = 0; i < p.y.output; ++i) {
      const Between<Share> y = Locate(p, p.y, i, Share());
      for (int32_t j = 0; j < p.x.output; ++j) {
        const Between<Share> x = Locate(p, p.x, j, Share());
        const T* top = image + y.lower * row;
        const T* bottom = image + y.upper * row;
        for (int32_t c = 0; c < p.depth; ++c) {
          const int32_t left = x.lower * p.depth + c;
          const int32_t right = x.upper * p.depth + c;
          *output++ = Finish(static_cast<Share>(top[left]) * y.rest * x.rest +
                             static_cast<Share>(bottom[left]) * y.share * x.rest +
                             static_cast<Share>(top[right]) * y.rest * x.share +
                             static_cast<Share>(bottom[right]) * y.share * x.share);
        }
      }
    }
  }
  return Status::kOk;
}

// ---- Prepare ----

Side MakeSide(int32_t input, int32_t output, bool align_corners) {
  const bool corners = align_corners && output > 1;
  const int64_t from = corners ? input - 1 : input;
  const int64_t to = corners ? output - 1 : output;
  return {input, output, static_cast<float>(from) / static_cast<float>(to),
          static_cast<int32_t>((1024 * from + to / 2) / to)};
}

Status PrepareResize(PrepareContext& context, EvalFn eval, int first_option) {
  const Shape input = context.input(0).shape;
  const TensorView size = context.input(1);
  const Shape output = context.output(0).shape;
  if (size.type != Type::kInt32) return RefuseTypes(context);
  if (!size.is_constant()) return RefuseVariable(context, 1);
  constexpr int32_t kMaxSide = limits::kResizedSide;
  const bool fits = input.rank == 4 && output.rank == 4 && size.shape.elements() == 2 &&
                    size.values<int32_t>()[0] == output[1] &&
                    size.values<int32_t>()[1] == output[2] && input[0] == output[0] &&
                    input[3] == output[3] && output[1] > 0 && output[2] > 0 && input[1] > 0 &&
                    input[2] > 0 && Max(input[1], input[2]) <= kMaxSide &&
                    Max(output[1], output[2]) <= kMaxSide;
  if (!fits) return RefuseShapes(context);
  auto* params = context.Params<ResizeParams>();
  if (params == nullptr) return kNoMemory;
  const bool align_corners = context.options().get<uint8_t>(first_option, 0) != 0;
  const bool half_pixel_centers = context.options().get<uint8_t>(first_option + 1, 0) != 0;
  if (align_corners && half_pixel_centers) return RefuseOptions(context);
  *params = {input[0],
             input[3],
             ElementBytes(context.input(0).type),
             align_corners,
             half_pixel_centers,
             MakeSide(input[1], output[1], align_corners),
             MakeSide(input[2], output[2], align_corners)};
  context.SetEval(eval);
  return Status::kOk;
}

}  // namespace

Status PrepareResizeNearestNeighbor(PrepareContext& context) {
  const Type type = context.input(0).type;
  const bool known = type == Type::kFloat32 || type == Type::kInt8 || type == Type::kInt16;
  if (!known || context.output(0).type != type) return RefuseTypes(context);
  return PrepareResize(context, EvalNearest, 0);
}

Status PrepareResizeBilinear(PrepareContext& context) {
  const Type type = context.input(0).type;
  const bool known = type == Type::kFloat32 || type == Type::kInt8;
  if (!known || context.output(0).type != type) return RefuseTypes(context);
  const EvalFn eval =
      type == Type::kInt8 ? EvalBilinear<int8_t, int64_t> : EvalBilinear<float, float>;
  return PrepareResize(context, eval, 2);
}

}  // namespace tinydeploy
