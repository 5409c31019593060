// The interpreter one call at a time, for a simulator that counts cycles: it writes
// `g_timed`, calls `TimedOpen`, fills the inputs where `TimedInput` says and calls `TimedInvoke`.
#include <stddef.h>
#include <stdint.h>

#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

inline void* operator new(size_t, void* place) noexcept { return place; }

namespace {

constexpr int kAllOps = 0
#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) +1
#include "kernels/ops.def"
#undef TINYDEPLOY_OP
    ;
using Resolver = tflite::MicroMutableOpResolver<kAllOps>;
using tflite::MicroInterpreter;

struct Job {
  const uint8_t* model;
  uint32_t model_bytes;
  uint8_t* arena;
  uint32_t arena_bytes;
};

alignas(8) uint8_t g_resolver[sizeof(Resolver)];
alignas(8) uint8_t g_interpreter[sizeof(MicroInterpreter)];

MicroInterpreter& Opened() { return *reinterpret_cast<MicroInterpreter*>(g_interpreter); }

}  // namespace

extern "C" {

Job g_timed;

uint32_t TimedOpen() {
  auto* resolver = new (g_resolver) Resolver();
  bool ok = true;
#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) \
  ok = resolver->Add##Name() == kTfLiteOk && ok;
#include "kernels/ops.def"
#undef TINYDEPLOY_OP
  auto* interpreter = new (g_interpreter) MicroInterpreter(
      tflite::GetModel(g_timed.model), *resolver, g_timed.arena, g_timed.arena_bytes);
  interpreter->engine().set_model_bytes(g_timed.model_bytes);
  return ok && interpreter->AllocateTensors() == kTfLiteOk;
}

void* TimedInput(uint32_t index) { return Opened().input(index)->data.data; }

void* TimedOutput(uint32_t index) { return Opened().output(index)->data.data; }

uint32_t TimedInvoke() { return Opened().Invoke() == kTfLiteOk; }
}
