// What goes beyond upstream's API: operator counts, ranges of operators, any tensor, the reason of
// a failure. Two bodies: tinydeploy's runtime offers all of it, upstream's some.
#ifndef TINYDEPLOY_APP_INSPECT_H_
#define TINYDEPLOY_APP_INSPECT_H_

#include "app/engine.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace tinydeploy {
namespace inspect {

extern const char kEngineName[];
extern const bool kCanRunRanges;

// Whether the model's version is one that this runtime knows, as far as AllocateTensors does not
// look for itself.
bool VersionIsKnown(const tflite::Model* model);
// Before AllocateTensors.
void SetModelBytes(tflite::MicroInterpreter& interpreter, uint32_t bytes);

// Bytes of arena for tensors and scratch; 0 if unknown.
uint32_t ArenaPlannedBytes(tflite::MicroInterpreter& interpreter);
int OpCount(const tflite::Model* model, tflite::MicroInterpreter& interpreter);
// Index in the main subgraph of an input or output.
int TensorIndex(const tflite::Model* model, tflite::MicroInterpreter& interpreter, bool output,
                int index);
bool RunRange(tflite::MicroInterpreter& interpreter, int first, int count);
abi::Status FindAny(tflite::MicroInterpreter& interpreter, int index, engine::Tensor* tensor);
void Explain(tflite::MicroInterpreter& interpreter, abi::DiagnoseReply* why);

}  // namespace inspect
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_INSPECT_H_
