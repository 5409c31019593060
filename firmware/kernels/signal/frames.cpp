// SignalWindow, SignalFramer, SignalStacker, SignalDelay, SignalOverlapAdd: samples in time.
#include <string.h>

#include "kernels/common/fixed_point.h"
#include "kernels/kernels.h"
#include "kernels/signal/signal.h"

namespace tinydeploy {
namespace {

size_t SampleBytes(int32_t samples) { return static_cast<size_t>(samples) * sizeof(int16_t); }

// ---- SignalWindow: output = input * weights / 2^shift ----

struct WindowParams {
  int32_t rows;
  int32_t size;
  int32_t shift;
};

Status EvalWindow(const void* params, void* const* args) {
  const auto& p = *static_cast<const WindowParams*>(params);
  const auto* input = static_cast<const int16_t*>(args[0]);
  const auto* weights = static_cast<const int16_t*>(args[1]);
  auto* output = static_cast<int16_t*>(args[2]);
  for (int32_t r = 0; r < p.rows; ++r) {
    for (int32_t i = 0; i < p.size; ++i) {
      const int32_t value = (*input++ * weights[i]) >> p.shift;
      *output++ = static_cast<int16_t>(Clamp<int32_t>(value, INT16_MIN, INT16_MAX));
    }
  }
  return Status::kOk;
}

// ---- SignalFramer: overlapping frames of a stream that comes in steps. ----

struct FramerParams {
  int32_t rows;
  int32_t frames;  // for each row of an inference
  int32_t size;
  int32_t step;
  int32_t prefilled;  // samples
};

// The state: whether it has been started and how much it holds, then `size + step` samples a row.
struct FramerState {
  int32_t started;
  int32_t held;
};

Status EvalFramer(const void* params, void* const* args) {
  const auto& p = *static_cast<const FramerParams*>(params);
  const auto* input = static_cast<const int16_t*>(args[0]);
  auto* output = static_cast<int16_t*>(args[1]);
  auto* valid = static_cast<bool*>(args[2]);
  auto* state = static_cast<FramerState*>(args[3]);
  if (!state->started) *state = {1, p.prefilled};
  auto* history = reinterpret_cast<int16_t*>(state + 1);
  int32_t held = state->held;
  *valid = true;
  for (int32_t r = 0; r < p.rows; ++r, history += p.size + p.step) {
    held = state->held;
    for (int32_t f = 0; f < p.frames; ++f, input += p.step, output += p.size) {
      memcpy(history + held, input, SampleBytes(p.step));
      held += p.step;
      *valid = *valid && held >= p.size;
      if (held < p.size) continue;
      memcpy(output, history, SampleBytes(p.size));
      held -= p.step;
      memmove(history, history + p.step, SampleBytes(held));
    }
  }
  state->held = held;
  return Status::kOk;
}

// ---- SignalStacker: a frame with its neighbours; the first one stands for those before it. ----

struct StackerParams {
  int32_t channels;
  int32_t left;   // frames
  int32_t stack;  // frames: left + 1 + right
  int32_t step;   // frames from output to output
};

struct StackerState {
  int32_t started;
  int32_t held;  // frames
};

Status EvalStacker(const void* params, void* const* args) {
  const auto& p = *static_cast<const StackerParams*>(params);
  auto* valid = static_cast<bool*>(args[2]);
  auto* state = static_cast<StackerState*>(args[3]);
  auto* history = reinterpret_cast<int16_t*>(state + 1);
  const int32_t copies = state->started ? 1 : p.left + 1;
  state->started = 1;
  for (int32_t i = 0; i < copies; ++i, ++state->held) {
    memcpy(history + state->held * p.channels, args[0], SampleBytes(p.channels));
  }
  *valid = state->held >= p.stack;
  if (!*valid) return Status::kOk;
  memcpy(args[1], history, SampleBytes(p.stack * p.channels));
  state->held -= p.step;
  memmove(history, history + p.step * p.channels, SampleBytes(state->held * p.channels));
  return Status::kOk;
}

// ---- SignalDelay ----

struct DelayParams {
  int32_t rows;
  int32_t size;
  int32_t delay;  // samples
};

Status EvalDelay(const void* params, void* const* args) {
  const auto& p = *static_cast<const DelayParams*>(params);
  const auto* input = static_cast<const int16_t*>(args[0]);
  auto* output = static_cast<int16_t*>(args[1]);
  auto* state = static_cast<int16_t*>(args[2]);
  const int32_t kept = Min(p.delay, p.size);  // of the input, for later
  for (int32_t r = 0; r < p.rows; ++r, input += p.size, output += p.size, state += p.delay) {
    memcpy(output, state, SampleBytes(kept));
    memcpy(output + kept, input, SampleBytes(p.size - kept));
    memmove(state, state + kept, SampleBytes(p.delay - kept));
    memcpy(state + p.delay - kept, input + p.size - kept, SampleBytes(kept));
  }
  return Status::kOk;
}

// ---- SignalOverlapAdd ----

struct OverlapParams {
  int32_t rows;
  int32_t frames;
  int32_t size;
  int32_t step;
};

int16_t Sum(int16_t a, int16_t b) {
  return static_cast<int16_t>(Clamp<int32_t>(a + b, INT16_MIN, INT16_MAX));
}
float Sum(float a, float b) { return a + b; }

template <class T>
Status EvalOverlapAdd(const void* params, void* const* args) {
  const auto& p = *static_cast<const OverlapParams*>(params);
  const auto* input = static_cast<const T*>(args[0]);
  auto* output = static_cast<T*>(args[1]);
  auto* state = static_cast<T*>(args[2]);
  const auto bytes = [](int32_t count) { return static_cast<size_t>(count) * sizeof(T); };
  for (int32_t r = 0; r < p.rows; ++r, state += p.size) {
    for (int32_t f = 0; f < p.frames; ++f, input += p.size, output += p.step) {
      for (int32_t i = 0; i < p.size; ++i) state[i] = Sum(state[i], input[i]);
      memcpy(output, state, bytes(p.step));
      memmove(state, state + p.step, bytes(p.size - p.step));
      memset(state + p.size - p.step, 0, bytes(p.step));
    }
  }
  return Status::kOk;
}

bool IsFlag(const TensorView& view) {
  return view.type == Type::kBool && view.shape.elements() == 1;
}

}  // namespace

Status PrepareWindow(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView weights = context.input(1);
  if (!HasTypes(context, Type::kInt16, Type::kInt16) || weights.type != Type::kInt16) {
    return RefuseTypes(context);
  }
  const int32_t shift = FlexMap(context.custom_options()).integer("shift", -1);
  if (!IsIn(shift, 0, 31)) return RefuseOptions(context);
  if (input.shape != context.output(0).shape || weights.shape.rank != 1 ||
      weights.shape[0] != RowSize(input.shape)) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<WindowParams>();
  if (params == nullptr) return kNoMemory;
  *params = {RowsOf(input.shape), RowSize(input.shape), shift};
  context.SetEval(EvalWindow);
  return Status::kOk;
}

Status PrepareFramer(PrepareContext& context) {
  const Shape input = context.input(0).shape;
  const Shape output = context.output(0).shape;
  if (!HasTypes(context, Type::kInt16, Type::kInt16)) return RefuseTypes(context);
  const FlexMap options(context.custom_options());
  const int32_t size = options.integer("frame_size", 0);
  const int32_t step = options.integer("frame_step", 0);
  if (size > kMaxSamples) return RefuseSize(context, size, kMaxSamples);
  if (!IsIn(size, 1, kMaxSamples) || !IsIn(step, 1, size)) return RefuseOptions(context);
  const int32_t frames = RowSize(input) / step;
  if (input.rank < 1 || RowSize(input) % step != 0 || frames < 1 || RowsOf(input) < 1 ||
      RowsOf(input) > kMaxSamples || output.rank < 2 || output[-1] != size ||
      output[-2] != frames || output.elements() != RowsOf(input) * frames * size ||
      !IsFlag(context.output(1))) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<FramerParams>();
  if (params == nullptr) return kNoMemory;
  const bool prefill = options.integer("prefill", 0) != 0;
  *params = {RowsOf(input), frames, size, step, prefill ? size - step : 0};
  context.SetEval(EvalFramer);
  const uint32_t history = static_cast<uint32_t>(size + step) * sizeof(int16_t);
  return context.State(static_cast<uint32_t>(sizeof(FramerState)) +
                       static_cast<uint32_t>(RowsOf(input)) * history);
}

Status PrepareStacker(PrepareContext& context) {
  if (!HasTypes(context, Type::kInt16, Type::kInt16)) return RefuseTypes(context);
  const FlexMap options(context.custom_options());
  constexpr int32_t kMost = limits::kFrameContext;
  const int32_t channels = options.integer("num_channels", 0);
  const int32_t left = options.integer("stacker_left_context", -1);
  const int32_t right = options.integer("stacker_right_context", -1);
  const int32_t step = options.integer("stacker_step", 0);
  if (!IsIn(channels, 1, kMaxSamples) || !IsIn(left, 0, kMost) || !IsIn(right, 0, kMost) ||
      !IsIn(step, 1, left + 1 + right)) {
    return RefuseOptions(context);
  }
  const int32_t stack = left + 1 + right;
  if (context.input(0).shape.elements() != channels ||
      context.output(0).shape.elements() != stack * channels || !IsFlag(context.output(1))) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<StackerParams>();
  if (params == nullptr) return kNoMemory;
  *params = {channels, left, stack, step};
  context.SetEval(EvalStacker);
  return context.State(static_cast<uint32_t>(sizeof(StackerState) + SampleBytes(stack * channels)));
}

Status PrepareDelay(PrepareContext& context) {
  const Shape shape = context.input(0).shape;
  if (!HasTypes(context, Type::kInt16, Type::kInt16)) return RefuseTypes(context);
  const int32_t delay = FlexMap(context.custom_options()).integer("delay_length", -1);
  if (delay > kMaxSamples) return RefuseSize(context, delay, kMaxSamples);
  if (!IsIn(delay, 0, kMaxSamples)) return RefuseOptions(context);
  if (shape != context.output(0).shape || RowsOf(shape) > limits::kFrameContext)
    return RefuseShapes(context);
  auto* params = context.Params<DelayParams>();
  if (params == nullptr) return kNoMemory;
  *params = {RowsOf(shape), RowSize(shape), delay};
  context.SetEval(EvalDelay);
  return context.State(static_cast<uint32_t>(SampleBytes(RowsOf(shape) * delay)));
}

Status PrepareOverlapAdd(PrepareContext& context) {
  const TensorView input = context.input(0);
  const Shape shape = input.shape;
  const Shape output = context.output(0).shape;
  const bool is_float = input.type == Type::kFloat32;
  if ((!is_float && input.type != Type::kInt16) || context.output(0).type != input.type) {
    return RefuseTypes(context);
  }
  const int32_t step = FlexMap(context.custom_options()).integer("frame_step", 0);
  if (shape.rank < 2 || !IsIn(shape[-1], 1, kMaxSamples)) return RefuseShapes(context);
  if (!IsIn(step, 1, shape[-1])) return RefuseOptions(context);
  const int32_t rows = shape.product(0, shape.rank - 2);
  if (output.rank < 1 || rows < 1 || rows > limits::kFrameContext || shape[-2] > kMaxSamples ||
      output[-1] != shape[-2] * step || RowsOf(output) != rows) {
    return RefuseShapes(context);
  }
  auto* params = context.Params<OverlapParams>();
  if (params == nullptr) return kNoMemory;
  *params = {rows, shape[-2], shape[-1], step};
  context.SetEval(is_float ? EvalOverlapAdd<float> : EvalOverlapAdd<int16_t>);
  const uint32_t element_bytes = is_float ? sizeof(float) : sizeof(int16_t);
  return context.State(static_cast<uint32_t>(rows * shape[-1]) * element_bytes);
}

}  // namespace tinydeploy
