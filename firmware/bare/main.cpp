// The smallest application: board, engine, model, and no link. The model runs again and again on
// what its input holds; a debugger or simulator reads g_inferences.
#include "abi/protocol.h"
#include "app/program.h"
#include "app/static_storage.h"
#include "board.h"
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/schema/schema_generated.h"

using namespace tinydeploy;

extern "C" {
volatile uint32_t g_inferences;
}

namespace tinydeploy {
namespace app {

// Where a fault ends (chips/cortex_m4/fault.cpp).
[[noreturn]] void ServeFault(abi::FaultReport*) {
  board::SetFaultLed(true);
  for (;;) {
  }
}

}  // namespace app
}  // namespace tinydeploy

namespace {

StaticStorage<tflite::MicroInterpreter> g_place;

}  // namespace

int main() {
  board::Init();
  const tflite::MicroOpResolver* resolver = program::Resolver();
  if (resolver == nullptr) app::ServeFault(nullptr);
  tflite::MicroInterpreter* interpreter =
      g_place.Make(tflite::GetModel(program::BuiltIn().data), *resolver, program::Arena(),
                   program::ArenaBytes());
  if (interpreter->AllocateTensors() != kTfLiteOk) app::ServeFault(nullptr);
  for (;;) {
    if (interpreter->Invoke() != kTfLiteOk) app::ServeFault(nullptr);
    g_inferences = g_inferences + 1;
  }
}
