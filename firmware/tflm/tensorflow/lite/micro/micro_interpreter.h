// TensorFlow Lite Micro's interpreter API, served by tinydeploy's runtime.
#ifndef TENSORFLOW_LITE_MICRO_MICRO_INTERPRETER_H_
#define TENSORFLOW_LITE_MICRO_MICRO_INTERPRETER_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/interpreter.h"
#include "tensorflow/lite/c/common.h"
#include "tensorflow/lite/micro/micro_op_resolver.h"
#include "tensorflow/lite/micro/micro_profiler_interface.h"
#include "tensorflow/lite/schema/schema_generated.h"

// Tells an application that this is tinydeploy's runtime, with `engine()` below.
#define TINYDEPLOY_RUNTIME 1

namespace tflite {

class MicroResourceVariables;

class MicroInterpreter {
 public:
  // `model`, `resolver` and `arena` must outlive the interpreter. `preserve_all_tensors` gives each
  // tensor memory of its own, so that all of them can be read after a run.
  MicroInterpreter(const Model* model, const MicroOpResolver& resolver, uint8_t* arena,
                   size_t arena_bytes, MicroResourceVariables* resource_variables = nullptr,
                   MicroProfilerInterface* profiler = nullptr, bool preserve_all_tensors = false);

  TfLiteStatus AllocateTensors();
  TfLiteStatus Invoke();
  // Zeroes the variables, as after AllocateTensors.
  TfLiteStatus Reset();

  // Valid after AllocateTensors; null if there is no such tensor.
  TfLiteTensor* input(size_t index);
  TfLiteTensor* output(size_t index);
  size_t inputs_size() const { return static_cast<size_t>(engine_.input_count()); }
  size_t outputs_size() const { return static_cast<size_t>(engine_.output_count()); }

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

  // Smallest arena that AllocateTensors accepts for this model.
  size_t arena_used_bytes() const { return engine_.arena_used_bytes(); }
  TfLiteStatus initialization_status() const { return status_; }
  size_t operators_size() const { return static_cast<size_t>(engine_.op_count()); }
  bool preserve_all_tensors() const { return engine_.preserve_tensors(); }

  // tinydeploy only: ranges of operators, any tensor, the reason of a failure.
  tinydeploy::Interpreter& engine() { return engine_; }

 private:
  TfLiteStatus Check(tinydeploy::Status status);
  TfLiteTensor* TensorAt(size_t index, size_t first, size_t count);

  tinydeploy::Interpreter engine_;
  TfLiteStatus status_ = kTfLiteOk;  // of AllocateTensors
};

}  // namespace tflite

#endif  // TENSORFLOW_LITE_MICRO_MICRO_INTERPRETER_H_
