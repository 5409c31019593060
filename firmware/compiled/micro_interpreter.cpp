#include "tensorflow/lite/micro/micro_interpreter.h"

namespace tflite {
namespace {

using tinydeploy::compiled::IoTensor;

// Called twice; inlined twice it would be 80 bytes more.
[[gnu::noinline]] void Describe(const IoTensor& end, uint8_t* arena, TfLiteTensor* tensor) {
  *tensor = {};
  tensor->type = end.type;
  tensor->data.data = arena + end.offset;
  tensor->bytes = end.bytes;
  // The plan is constant, the API's arrays are not: they are only read.
  tensor->dims = reinterpret_cast<TfLiteIntArray*>(const_cast<int*>(&end.dims.size));
  tensor->params = {end.scale, end.zero_point};
  tensor->allocation_type = kTfLiteArenaRw;
}

}  // namespace

// The compiled engine has no model in memory to ask.
uint32_t Model::version() const { return TFLITE_SCHEMA_VERSION; }

MicroInterpreter::MicroInterpreter(const Model*, const MicroOpResolver&, uint8_t* arena,
                                   size_t arena_bytes, MicroResourceVariables*,
                                   MicroProfilerInterface* profiler, bool)
    : plan_(tinydeploy::compiled::kPlan),
      arena_(arena),
      arena_bytes_(arena_bytes),
      profiler_(profiler) {}

TfLiteStatus MicroInterpreter::AllocateTensors() {
  status_ = arena_bytes_ < plan_.arena_bytes ? kTfLiteError : kTfLiteOk;
  TfLiteTensor* tensor = plan_.tensors;
  for (int i = 0; i < plan_.input_count; ++i) Describe(plan_.inputs[i], arena_, tensor++);
  for (int i = 0; i < plan_.output_count; ++i) Describe(plan_.outputs[i], arena_, tensor++);
  return Reset();
}

TfLiteStatus MicroInterpreter::Reset() {
  if (status_ == kTfLiteOk && plan_.reset != nullptr) plan_.reset(arena_);
  return status_;
}

// Stops at a step that refused its input, as the interpreter does: what the model keeps must not
// take values of an inference that failed.
TfLiteStatus MicroInterpreter::Run(int first, int count) {
  if (status_ != kTfLiteOk) return status_;
  const bool* const refused = plan_.refused;
  const tinydeploy::compiled::Step* const end = plan_.steps + first + count;
  MicroProfilerInterface* const profiler =
      profiler_;  // a step may write anywhere, for the compiler
  for (const tinydeploy::compiled::Step* step = plan_.steps + first; step < end; ++step) {
    const uint32_t event = profiler != nullptr ? profiler->BeginEvent(step->op_name) : 0;
    step->run(arena_);
    if (profiler != nullptr) profiler->EndEvent(event);
    if (refused != nullptr && *refused) return Fail(step);
  }
  last_step_ = first + count - 1;
  return kTfLiteOk;
}

[[gnu::noinline]] TfLiteStatus MicroInterpreter::Fail(const tinydeploy::compiled::Step* step) {
  *plan_.refused = false;
  refused_op_ = step->op_index;
  last_step_ = -1;  // no tensor is valid in what the step left half done
  return kTfLiteError;
}

TfLiteTensor* MicroInterpreter::TensorAt(size_t index, size_t first, size_t count) {
  return status_ == kTfLiteOk && index < count ? plan_.tensors + first + index : nullptr;
}

}  // namespace tflite
