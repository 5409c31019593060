// TensorFlow Lite Micro's interpreter API, served by the compiled engine: found before
// firmware/tflm on the include path of a build with `custom_engine = compiled`.
#ifndef TENSORFLOW_LITE_MICRO_MICRO_INTERPRETER_H_
#define TENSORFLOW_LITE_MICRO_MICRO_INTERPRETER_H_

#include <stddef.h>
#include <stdint.h>

#include "compiled/plan.h"
#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/schema/schema_generated.h"

#define TINYDEPLOY_COMPILED 1

namespace tflite {

class MicroResourceVariables;

class MicroInterpreter {
 public:
  // The plan is linked in: `model` and `resolver` are there for the API's sake. `arena` must be
  // aligned to 4 bytes.
  MicroInterpreter(const Model* model, const MicroOpResolver& resolver, uint8_t* arena,
                   size_t arena_bytes, MicroResourceVariables* resource_variables = nullptr,
                   MicroProfilerInterface* profiler = nullptr, bool preserve_all_tensors = false);

  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke() { return Run(0, plan_.step_count); }
  // Gives what the model keeps from one inference to the next its first value.
  TfLiteStatus Reset();

  // Valid after AllocateTensors; null if there is no such tensor.
  TfLiteTensor* input(size_t index) { return TensorAt(index, 0, inputs_size()); }
  TfLiteTensor* output(size_t index) { return TensorAt(index, inputs_size(), outputs_size()); }
  size_t inputs_size() const { return static_cast<size_t>(plan_.input_count); }
  size_t outputs_size() const { return static_cast<size_t>(plan_.output_count); }

  template <class T>
  T* typed_input_tensor(int index) {
    TfLiteTensor* tensor = input(static_cast<size_t>(index));
    return tensor == nullptr ? nullptr : static_cast<T*>(tensor->data.data);
  }
  template <class T>
  T* typed_output_tensor(int index) {
    TfLiteTensor* tensor = output(static_cast<size_t>(index));
    return tensor == nullptr ? nullptr : static_cast<T*>(tensor->data.data);
  }

  size_t arena_used_bytes() const { return plan_.arena_bytes; }
  TfLiteStatus initialization_status() const { return status_; }
  size_t operators_size() const { return static_cast<size_t>(plan_.step_count); }

  // tinydeploy only.
  const tinydeploy::compiled::Plan& plan() const { return plan_; }
  // Runs steps [first, first + count).
  TfLiteStatus Run(int first, int count);
  // Step that ran last, -1 before the first and after a run that failed.
  int last_step() const { return last_step_; }
  // Operator that refused its input in the last run that failed, -1 if none did.
  int refused_op() const { return refused_op_; }
  uint8_t* arena() const { return arena_; }

 private:
  TfLiteStatus Fail(const tinydeploy::compiled::Step* step);
  TfLiteTensor* TensorAt(size_t index, size_t first, size_t count);

  const tinydeploy::compiled::Plan& plan_;
  uint8_t* arena_;
  size_t arena_bytes_;
  MicroProfilerInterface* profiler_;
  TfLiteStatus status_ = kTfLiteOk;
  int last_step_ = -1;
  int refused_op_ = -1;
};

}  // namespace tflite

#endif  // TENSORFLOW_LITE_MICRO_MICRO_INTERPRETER_H_
