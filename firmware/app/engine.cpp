// Written against the TensorFlow Lite Micro API alone: it builds on tinydeploy's runtime and on
// upstream's. What goes beyond the API is in inspect.cpp.
#include "app/engine.h"

#include <string.h>

#include "app/cycle_profiler.h"
#include "app/inspect.h"
#include "app/static_storage.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace tinydeploy {
namespace engine {
namespace {

StaticStorage<CycleProfiler> g_profiler_place;
StaticStorage<tflite::MicroInterpreter> g_interpreter_place;

CycleProfiler* g_profiler;
program::Model g_source;
const tflite::Model* g_model;
tflite::MicroInterpreter* g_interpreter;  // null: not even constructed
bool g_ready;
volatile bool g_running;  // read by the fault handler
const char* g_refusal = "";

bool Refuse(const char* reason) {
  g_refusal = reason;
  return false;
}

bool Allocate() {
  g_model = tflite::GetModel(g_source.data);
  if (!inspect::VersionIsKnown(g_model)) return Refuse("not a model of schema version 3");
  const tflite::MicroOpResolver* resolver = program::Resolver();
  if (resolver == nullptr) return Refuse("the operator resolver is too small");
  g_interpreter = g_interpreter_place.Make(g_model, *resolver, program::Arena(),
                                           program::ArenaBytes(), nullptr, g_profiler);
  inspect::SetModelBytes(*g_interpreter, g_source.bytes);
  return g_interpreter->AllocateTensors() == kTfLiteOk;
}

bool RunOps(int first, int count) {
  if (count == static_cast<int>(abi::kAllOps)) return g_interpreter->Invoke() == kTfLiteOk;
  return inspect::RunRange(*g_interpreter, first, count);
}

void Describe(const TfLiteTensor& tensor, abi::TensorReply* description) {
  description->type = static_cast<uint8_t>(tensor.type);
  description->rank = static_cast<uint8_t>(tensor.dims->size);
  description->bytes = static_cast<uint32_t>(tensor.bytes);
  const int rank = tensor.dims->size;
  for (int i = 0; i < rank && i < static_cast<int>(abi::kMaxRank); ++i) {
    description->dims[i] = tensor.dims->data[i];
  }
  description->scale = tensor.params.scale;
  description->zero_point = tensor.params.zero_point;
}

}  // namespace

void Start(void (*between_ops)()) {
  g_profiler = g_profiler_place.Make(between_ops, program::StepCycles(), program::StepCount());
}

bool Load(const program::Model& model) {
  g_source = model;
  g_interpreter = nullptr;
  g_ready = false;  // while it allocates, too
  g_ready = Allocate();
  return g_ready;
}

const program::Model& Loaded() { return g_source; }
bool ready() { return g_ready; }
const char* Name() { return inspect::kEngineName; }
bool CanRunRanges() { return inspect::kCanRunRanges; }
int OpCount() { return g_ready ? inspect::OpCount(g_model, *g_interpreter) : 0; }
int InputCount() { return g_ready ? static_cast<int>(g_interpreter->inputs_size()) : 0; }
int OutputCount() { return g_ready ? static_cast<int>(g_interpreter->outputs_size()) : 0; }

uint32_t ArenaUsedBytes() {
  return g_interpreter == nullptr ? 0 : static_cast<uint32_t>(g_interpreter->arena_used_bytes());
}

uint32_t ArenaPlannedBytes() { return g_ready ? inspect::ArenaPlannedBytes(*g_interpreter) : 0; }

Outcome Run(int first, int count) {
  g_running = true;
  g_profiler->Start(first);
  const bool ok = RunOps(first, count);
  const uint32_t cycles = g_profiler->Stop();
  g_running = false;
  return {ok, cycles, g_profiler->ops_run()};
}

bool ResetState() { return g_ready && !g_running && g_interpreter->Reset() == kTfLiteOk; }

uint32_t CurrentOp() {
  return g_running ? static_cast<uint32_t>(g_profiler->next_op()) : abi::kAllOps;
}

uint32_t OpCycles(int op) { return g_profiler->cycles(op); }

int ProfiledOps() {
  const int count = OpCount();
  return count < g_profiler->capacity() ? count : g_profiler->capacity();
}

abi::Status Find(abi::TensorKind kind, int index, Tensor* tensor) {
  if (!g_ready) return abi::Status::kNoModel;
  *tensor = {};
  if (kind == abi::TensorKind::kAny) return inspect::FindAny(*g_interpreter, index, tensor);
  if (kind != abi::TensorKind::kInput && kind != abi::TensorKind::kOutput) {
    return abi::Status::kBadIndex;
  }
  const bool output = kind == abi::TensorKind::kOutput;
  if (index >= (output ? OutputCount() : InputCount())) return abi::Status::kBadIndex;
  const auto at = static_cast<size_t>(index);
  const TfLiteTensor* found = output ? g_interpreter->output(at) : g_interpreter->input(at);
  if (found == nullptr) return abi::Status::kNotAvailable;
  Describe(*found, &tensor->description);
  tensor->description.tensor_index =
      static_cast<uint16_t>(inspect::TensorIndex(g_model, *g_interpreter, output, index));
  tensor->data = reinterpret_cast<uint8_t*>(found->data.raw);
  tensor->valid = true;
  return abi::Status::kOk;
}

void Explain(abi::DiagnoseReply* why) {
  why->op_index = static_cast<uint16_t>(abi::kAllOps);
  if (g_interpreter != nullptr) return inspect::Explain(*g_interpreter, why);
  for (size_t i = 0; g_refusal[i] != 0 && i + 1 < sizeof(why->message); ++i) {
    why->message[i] = g_refusal[i];
  }
}

}  // namespace engine
}  // namespace tinydeploy
