#include "app/inspect.h"

#include <string.h>

namespace tinydeploy {
namespace inspect {

#ifdef TINYDEPLOY_RUNTIME

const char kEngineName[] = "interpreter";
const bool kCanRunRanges = true;

namespace {

// The model file numbers types from 0, the C API from 1, mostly.
uint8_t ApiType(Type type) {
  constexpr uint8_t kTypes[] = {
      kTfLiteFloat32, kTfLiteFloat16,    kTfLiteInt32,  kTfLiteUInt8,     kTfLiteInt64,
      kTfLiteString,  kTfLiteBool,       kTfLiteInt16,  kTfLiteComplex64, kTfLiteInt8,
      kTfLiteFloat64, kTfLiteComplex128, kTfLiteUInt64, kTfLiteResource,  kTfLiteVariant,
      kTfLiteUInt32,  kTfLiteUInt16,     kTfLiteInt4,   kTfLiteBFloat16,
  };
  const auto index = static_cast<unsigned>(type);
  return index < sizeof(kTypes) ? kTypes[index] : static_cast<uint8_t>(kTfLiteNoType);
}

void Describe(const TensorView& view, abi::TensorReply* description) {
  description->type = ApiType(view.type);
  description->rank = static_cast<uint8_t>(view.shape.rank);
  description->bytes = view.bytes;
  for (int i = 0; i < view.shape.rank; ++i) description->dims[i] = view.shape[i];
  if (view.scales.size() != 1) return;  // none, or one for each channel
  description->scale = view.scale();
  description->zero_point = view.zero_point();
}

}  // namespace

// AllocateTensors looks, and knows where the model ends: one that came over the link may point
// anywhere.
bool VersionIsKnown(const tflite::Model*) { return true; }

void SetModelBytes(tflite::MicroInterpreter& interpreter, uint32_t bytes) {
  interpreter.engine().set_model_bytes(bytes);
}

uint32_t ArenaPlannedBytes(tflite::MicroInterpreter& interpreter) {
  return interpreter.engine().planned_bytes();
}

int OpCount(const tflite::Model*, tflite::MicroInterpreter& interpreter) {
  return interpreter.engine().op_count();
}

int TensorIndex(const tflite::Model*, tflite::MicroInterpreter& interpreter, bool output,
                int index) {
  const Subgraph& graph = interpreter.engine().graph();
  return output ? graph.outputs()[index] : graph.inputs()[index];
}

bool RunRange(tflite::MicroInterpreter& interpreter, int first, int count) {
  return interpreter.engine().Run(first, count) == Status::kOk;
}

abi::Status FindAny(tflite::MicroInterpreter& interpreter, int index, engine::Tensor* tensor) {
  const Interpreter& engine = interpreter.engine();
  if (index >= engine.graph().tensor_count()) return abi::Status::kBadIndex;
  const TensorView view = engine.tensor(index);
  Describe(view, &tensor->description);
  tensor->description.tensor_index = static_cast<uint16_t>(index);
  tensor->data = static_cast<uint8_t*>(view.data);
  tensor->valid = engine.IsLive(index);
  return abi::Status::kOk;
}

void Explain(tflite::MicroInterpreter& interpreter, abi::DiagnoseReply* why) {
  const Diagnosis& diagnosis = interpreter.engine().diagnosis();
  if (diagnosis.op_index >= 0) why->op_index = static_cast<uint16_t>(diagnosis.op_index);
  if (diagnosis.builtin_code >= 0)
    why->builtin_code = static_cast<uint16_t>(diagnosis.builtin_code);
  static_assert(sizeof(why->message) >= sizeof(diagnosis.reason), "a reason fits");
  memcpy(why->message, diagnosis.reason, sizeof(diagnosis.reason));
}

#elif defined(TINYDEPLOY_COMPILED)

const char kEngineName[] = "compiled";
const bool kCanRunRanges = true;

bool VersionIsKnown(const tflite::Model*) { return true; }  // there is no model

void SetModelBytes(tflite::MicroInterpreter&, uint32_t) {}

uint32_t ArenaPlannedBytes(tflite::MicroInterpreter& interpreter) {
  return interpreter.plan().arena_bytes;
}

int OpCount(const tflite::Model*, tflite::MicroInterpreter& interpreter) {
  return interpreter.plan().step_count;
}

int TensorIndex(const tflite::Model*, tflite::MicroInterpreter& interpreter, bool output,
                int index) {
  const compiled::Plan& plan = interpreter.plan();
  return output ? plan.outputs[index].tensor : plan.inputs[index].tensor;
}

bool RunRange(tflite::MicroInterpreter& interpreter, int first, int count) {
  return interpreter.Run(first, count) == kTfLiteOk;
}

// The plan knows a tensor by the step that makes it; its bytes are certain only right after that.
abi::Status FindAny(tflite::MicroInterpreter& interpreter, int index, engine::Tensor* tensor) {
  const compiled::Plan& plan = interpreter.plan();
  for (int i = plan.step_count - 1; i >= 0; --i) {
    const compiled::Step& step = plan.steps[i];
    if (step.tensor != index || i > interpreter.last_step()) continue;
    tensor->description.bytes = step.bytes;
    tensor->description.tensor_index = static_cast<uint16_t>(index);
    tensor->data = interpreter.arena() + step.offset;
    tensor->valid = i == interpreter.last_step();
    return abi::Status::kOk;
  }
  return abi::Status::kBadIndex;
}

void Explain(tflite::MicroInterpreter& interpreter, abi::DiagnoseReply* why) {
  constexpr char kTooSmall[] = "the arena is smaller than the plan";
  constexpr char kRefused[] = "the operator refused its input";
  if (interpreter.initialization_status() != kTfLiteOk) {
    memcpy(why->message, kTooSmall, sizeof(kTooSmall));
  } else if (interpreter.refused_op() >= 0) {
    why->op_index = static_cast<uint16_t>(interpreter.refused_op());
    memcpy(why->message, kRefused, sizeof(kRefused));
  }
}

#else  // upstream's TensorFlow Lite Micro

const char kEngineName[] = "tflm";
const bool kCanRunRanges = false;

bool VersionIsKnown(const tflite::Model* model) {
  return model->version() == TFLITE_SCHEMA_VERSION;
}

void SetModelBytes(tflite::MicroInterpreter&, uint32_t) {}

uint32_t ArenaPlannedBytes(tflite::MicroInterpreter&) { return 0; }

int OpCount(const tflite::Model* model, tflite::MicroInterpreter&) {
  return static_cast<int>(model->subgraphs()->Get(0)->operators()->size());
}

int TensorIndex(const tflite::Model* model, tflite::MicroInterpreter&, bool output, int index) {
  const auto* graph = model->subgraphs()->Get(0);
  return output ? graph->outputs()->Get(index) : graph->inputs()->Get(index);
}

bool RunRange(tflite::MicroInterpreter&, int, int) { return false; }

abi::Status FindAny(tflite::MicroInterpreter&, int, engine::Tensor*) {
  return abi::Status::kUnsupported;
}

void Explain(tflite::MicroInterpreter&, abi::DiagnoseReply* why) {
  constexpr char kText[] = "AllocateTensors or Invoke failed; the serial log says why";
  memcpy(why->message, kText, sizeof(kText));
}

#endif

}  // namespace inspect
}  // namespace tinydeploy
