// The model as the application sees it: a handful of functions on TensorFlow Lite Micro's.
#ifndef TINYDEPLOY_APP_ENGINE_H_
#define TINYDEPLOY_APP_ENGINE_H_

#include <stdint.h>

#include "abi/protocol.h"
#include "app/program.h"

namespace tinydeploy {
namespace engine {

// First call. `between_ops` is called before each operator of a run.
void Start(void (*between_ops)());
// Takes `model` instead of what was there. On failure nothing is ready and `Explain` says why.
bool Load(const program::Model& model);
const program::Model& Loaded();  // or refused

bool ready();
const char* Name();   // "interpreter", or "tflm" with upstream's runtime
bool CanRunRanges();  // runs ranges of operators and reads any tensor
int OpCount();
int InputCount();
int OutputCount();
uint32_t ArenaUsedBytes();
uint32_t ArenaPlannedBytes();  // of those, for tensors and scratch; 0 if unknown

struct Outcome {
  bool ok;
  uint32_t cycles;
  int ops_run;
};
// Runs operators [first, first + count); the whole model with kAllOps.
Outcome Run(int first, int count);
// Forgets what the model keeps from one inference to the next; false while one runs.
bool ResetState();
// Operator running or about to run, kAllOps when none.
uint32_t CurrentOp();
// Cycles of an operator in the last run, and how many operators it knows.
uint32_t OpCycles(int op);
int ProfiledOps();

// A tensor's description, and where its data lies (null if it has no memory).
struct Tensor {
  abi::TensorReply description;
  uint8_t* data;
  bool valid;  // the memory holds this tensor's value now
};
abi::Status Find(abi::TensorKind kind, int index, Tensor* tensor);

void Explain(abi::DiagnoseReply* why);

}  // namespace engine
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_ENGINE_H_
