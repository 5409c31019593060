// The compiled engine's plan: made on the host by scripts/tinydeploy/lower, written as plan.cc.
#ifndef TINYDEPLOY_COMPILED_PLAN_H_
#define TINYDEPLOY_COMPILED_PLAN_H_

#include <stdint.h>

#include "abi/limits.h"
#include "tensorflow/lite/c/common.h"

namespace tinydeploy {
namespace compiled {

constexpr int kNoTensor = -1;

// One call of a kernel, and where its result lies.
struct Step {
  void (*run)(uint8_t* arena);
  const char* op_name;  // the schema's, for profiles
  int16_t op_index;     // operator of the .tflite that it finishes
  int16_t tensor;       // its output's index in the .tflite, kNoTensor if it is in no .tflite
  uint32_t offset;      // of the output in the arena
  uint32_t bytes;
};

static_assert(limits::kCount <= INT16_MAX, "Step::op_index and tensor");

// A model input or output.
struct IoTensor {
  uint32_t offset;  // in the arena
  uint32_t bytes;
  int16_t tensor;  // index in the .tflite
  TfLiteType type;
  float scale;  // 0 if not quantized
  int32_t zero_point;
  struct {
    int size;
    int data[limits::kRank];
  } dims;  // laid out as a TfLiteIntArray
};

struct Plan {
  const Step* steps;
  int step_count;
  const IoTensor* inputs;
  int input_count;
  const IoTensor* outputs;
  int output_count;
  uint32_t arena_bytes;
  TfLiteTensor* tensors;  // room for the inputs', then the outputs'
  bool* refused;          // set by a kernel that refused its input; null if there is none that may
  void (*reset)(uint8_t* arena);  // gives what is kept its first value; null if nothing is kept
};

extern const Plan kPlan;

}  // namespace compiled
}  // namespace tinydeploy

#endif  // TINYDEPLOY_COMPILED_PLAN_H_
