#include "kernels/pooling/pooling.h"

#include <float.h>
#include <math.h>

#include "kernels/common/dot.h"
#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

namespace option {
enum : int { kPadding, kStrideW, kStrideH, kFilterWidth, kFilterHeight, kActivation };
}

bool Measure(const PrepareContext& context, PoolParams* params) {
  const Shape input = context.input(0).shape;
  const Shape output = context.output(0).shape;
  const Table& options = context.options();
  if (input.rank != 4 || output.rank != 4) return false;
  PoolParams& p = *params;
  p.y = {input[1],
         0,
         options.get<int32_t>(option::kFilterHeight, 0),
         options.get<int32_t>(option::kStrideH, 0),
         1,
         0};
  p.x = {input[2],
         0,
         options.get<int32_t>(option::kFilterWidth, 0),
         options.get<int32_t>(option::kStrideW, 0),
         1,
         0};
  const auto padding = static_cast<Padding>(options.get<int8_t>(option::kPadding, 0));
  if (!PlaceWindow(padding, &p.y) || !PlaceWindow(padding, &p.x)) return false;
  p.batches = input[0];
  p.depth = input[3];
  return output[0] == p.batches && output[1] == p.y.output && output[2] == p.x.output &&
         output[3] == p.depth;
}

struct PoolEvals {
  EvalFn int8;
  EvalFn int16;
  EvalFn float32;
};

Status PreparePool(PrepareContext& context, const PoolEvals& evals) {
  const Type type = context.input(0).type;
  const EvalFn eval = type == Type::kInt8      ? evals.int8
                      : type == Type::kInt16   ? evals.int16
                      : type == Type::kFloat32 ? evals.float32
                                               : nullptr;
  if (eval == nullptr || context.output(0).type != type) return RefuseTypes(context);
  context.SetEval(eval);
  auto* params = context.Params<PoolParams>();
  if (params == nullptr) return kNoMemory;
  if (!Measure(context, params)) return RefuseShapes(context);
  const auto activation =
      static_cast<Activation>(context.options().get<int8_t>(option::kActivation, 0));
  const bool known = type == Type::kFloat32
                         ? ActivationRange(activation, &params->float_range)
                         : ActivationRange(activation, context.output(0), &params->range);
  return known ? Status::kOk : RefuseOptions(context);
}

// Reduces each window channel by channel: folds values into `start`, stores finish(sum, count).
template <class T, class Acc, class Fold, class Finish>
Status Pool(const void* params, void* const* args, Acc start, Fold fold, Finish finish) {
  const auto& p = *static_cast<const PoolParams*>(params);
  const auto* image = static_cast<const T*>(args[0]);
  auto* output = static_cast<T*>(args[1]);
  const int32_t row = p.x.input * p.depth;
  for (int32_t b = 0; b < p.batches; ++b, image += p.y.input * row) {
    for (int32_t y = 0; y < p.y.output; ++y) {
      const SlidingWindow::Taps ys = p.y.at(y);
      for (int32_t x = 0; x < p.x.output; ++x) {
        const SlidingWindow::Taps xs = p.x.at(x);
        const int32_t count = (ys.end - ys.begin) * (xs.end - xs.begin);
        for (int32_t c = 0; c < p.depth; ++c) {
          Acc acc = start;
          for (int32_t i = ys.begin; i < ys.end; ++i) {
            const T* value = image + (ys.origin + i) * row + (xs.origin + xs.begin) * p.depth + c;
            for (int32_t j = xs.begin; j < xs.end; ++j, value += p.depth) acc = fold(acc, *value);
          }
          *output++ = finish(p, acc, count);
        }
      }
    }
  }
  return Status::kOk;
}

template <class T>
T InRange(const PoolParams& p, int32_t value) {
  return static_cast<T>(Clamp(value, p.range.lowest, p.range.highest));
}

template <class T>
Status EvalAverage(const void* params, void* const* args) {
  return Pool<T>(
      params, args, int32_t{0}, [](int32_t sum, int32_t value) { return Accumulated(sum, value); },
      [](const PoolParams& p, int32_t sum, int32_t count) {
        const int32_t half = sum > 0 ? count / 2 : -(count / 2);
        return InRange<T>(p, AddWrapping(sum, half) / count);
      });
}

Status EvalAverageFloat(const void* params, void* const* args) {
  return Pool<float>(
      params, args, 0.0f, [](float sum, float value) { return sum + value; },
      [](const PoolParams& p, float sum, int32_t count) {
        return Clamp(sum / static_cast<float>(count), p.float_range.lowest, p.float_range.highest);
      });
}

template <class T>
Status EvalMax(const void* params, void* const* args) {
  return Pool<T>(
      params, args, int32_t{INT32_MIN},
      [](int32_t most, int32_t value) { return Max(most, value); },
      [](const PoolParams& p, int32_t most, int32_t) { return InRange<T>(p, most); });
}

Status EvalMaxFloat(const void* params, void* const* args) {
  return Pool<float>(
      params, args, -FLT_MAX, [](float most, float value) { return Max(most, value); },
      [](const PoolParams& p, float most, int32_t) {
        return Clamp(most, p.float_range.lowest, p.float_range.highest);
      });
}

Status EvalL2Float(const void* params, void* const* args) {
  return Pool<float>(
      params, args, 0.0f, [](float sum, float value) { return sum + value * value; },
      [](const PoolParams& p, float sum, int32_t count) {
        const float root = sqrtf(sum / static_cast<float>(count));
        return Clamp(root, p.float_range.lowest, p.float_range.highest);
      });
}

}  // namespace

Status PrepareAveragePool2D(PrepareContext& context) {
  return PreparePool(context, {EvalAverage<int8_t>, EvalAverage<int16_t>, EvalAverageFloat});
}

Status PrepareMaxPool2D(PrepareContext& context) {
  return PreparePool(context, {EvalMax<int8_t>, EvalMax<int16_t>, EvalMaxFloat});
}

Status PrepareL2Pool2D(PrepareContext& context) {
  return PreparePool(context, {nullptr, nullptr, EvalL2Float});
}

}  // namespace tinydeploy
