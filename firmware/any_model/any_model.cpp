#include "any_model/any_model.h"

#include <stddef.h>
#include <string.h>

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

namespace tinydeploy {
namespace any_model {
namespace {

constexpr int kAllOps = 0
#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) +1
#include "kernels/ops.def"
#undef TINYDEPLOY_OP
    ;
using Resolver = tflite::MicroMutableOpResolver<kAllOps>;
using tflite::MicroInterpreter;

bool AddAllOps(Resolver* resolver) {
  bool ok = true;
#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) \
  ok = resolver->Add##Name() == kTfLiteOk && ok;
#include "kernels/ops.def"
#undef TINYDEPLOY_OP
  return ok;
}

uint32_t InputBytes(MicroInterpreter& interpreter) {
  size_t bytes = 0;
  for (size_t i = 0; i < interpreter.inputs_size(); ++i) bytes += interpreter.input(i)->bytes;
  return static_cast<uint32_t>(bytes);
}

uint32_t OutputBytes(MicroInterpreter& interpreter) {
  size_t bytes = 0;
  for (size_t i = 0; i < interpreter.outputs_size(); ++i) bytes += interpreter.output(i)->bytes;
  return static_cast<uint32_t>(bytes);
}

// Inputs that are cut short are filled up with zeros: mutated models ask for any size.
void CopyIn(MicroInterpreter& interpreter, const uint8_t* from, size_t left) {
  for (size_t i = 0; i < interpreter.inputs_size(); ++i) {
    TfLiteTensor* tensor = interpreter.input(i);
    const size_t bytes = tensor->bytes < left ? tensor->bytes : left;
    if (tensor->bytes != 0) memset(tensor->data.raw, 0, tensor->bytes);
    if (bytes != 0) memcpy(tensor->data.raw, from, bytes);
    if (bytes != 0) from += bytes;
    left -= bytes;
  }
}

uint8_t* CopyOut(MicroInterpreter& interpreter, uint8_t* to) {
  for (size_t i = 0; i < interpreter.outputs_size(); ++i) {
    const TfLiteTensor* tensor = interpreter.output(i);
    if (tensor->bytes != 0) memcpy(to, tensor->data.raw, tensor->bytes);
    to += tensor->bytes;
  }
  return to;
}

bool RunAll(MicroInterpreter& interpreter, const Request& request, const uint8_t* inputs,
            uint8_t* outputs) {
  const uint32_t step = InputBytes(interpreter);
  for (uint32_t run = 0; run < request.runs; ++run) {
    const uint64_t begin = static_cast<uint64_t>(run) * step;
    const bool there = begin < request.input_bytes;
    CopyIn(interpreter, there ? inputs + begin : nullptr,
           there ? static_cast<size_t>(request.input_bytes - begin) : 0);
    if (interpreter.Invoke() != kTfLiteOk) return false;
    outputs = CopyOut(interpreter, outputs);
  }
  return true;
}

uint32_t PlanBytes(MicroInterpreter& interpreter) {
  return static_cast<uint32_t>(interpreter.engine().graph().tensor_count()) * 4;
}

void TellPlan(MicroInterpreter& interpreter, const uint8_t* arena, uint8_t* outputs) {
  const auto base = (reinterpret_cast<uintptr_t>(arena) + 15) & ~static_cast<uintptr_t>(15);
  const Interpreter& engine = interpreter.engine();
  for (int i = 0; i < engine.graph().tensor_count(); ++i) {
    const TensorView view = engine.tensor(i);
    const bool has_place = view.data != nullptr && !engine.graph().tensor(i).is_constant();
    const int32_t offset =
        has_place ? static_cast<int32_t>(reinterpret_cast<uintptr_t>(view.data) - base) : -1;
    memcpy(outputs + 4 * i, &offset, sizeof(offset));
  }
}

}  // namespace

Reply Run(const Request& request, const Memory& memory, char* reason) {
  Resolver resolver;
  bool ok = AddAllOps(&resolver);
  MicroInterpreter interpreter(tflite::GetModel(memory.model), resolver, memory.arena,
                               request.arena_bytes, nullptr, nullptr,
                               request.preserve_tensors != 0);
  interpreter.engine().set_model_bytes(request.model_bytes);
  ok = ok && interpreter.AllocateTensors() == kTfLiteOk;
  uint32_t output_bytes = 0;
  if (ok && request.runs == 0) output_bytes = PlanBytes(interpreter);
  if (ok && request.runs != 0) output_bytes = OutputBytes(interpreter) * request.runs;
  uint8_t* outputs = ok ? memory.outputs(output_bytes) : nullptr;
  ok = outputs != nullptr && RunAll(interpreter, request, memory.inputs, outputs);
  if (ok && request.runs == 0) TellPlan(interpreter, memory.arena, outputs);
  const Diagnosis& diagnosis = interpreter.engine().diagnosis();
  // CIRCULAR_BUFFER ends most inferences before their end, and that is no failure of its own.
  const bool stopped = !ok && outputs != nullptr && diagnosis.reason[0] == '\0';
  const char* said = stopped ? "an operator ended the inference" : diagnosis.reason;
  const uint32_t reason_bytes = static_cast<uint32_t>(strlen(said));
  memcpy(reason, said, reason_bytes);
  return {ok,
          static_cast<uint32_t>(interpreter.arena_used_bytes()),
          diagnosis.op_index,
          diagnosis.builtin_code,
          reason_bytes,
          ok ? output_bytes : 0};
}

}  // namespace any_model
}  // namespace tinydeploy
