// An application without kernels: what the runtime and the TFLM API cost by themselves.
#include "tensorflow/lite/micro/micro_interpreter.h"
#include "tensorflow/lite/micro/micro_mutable_op_resolver.h"

extern "C" {
alignas(16) extern const unsigned char g_model[16] = {};
alignas(16) unsigned char g_arena[64];
volatile int g_result;

void Start() {
  tflite::MicroMutableOpResolver<1> resolver;
#ifdef WITH_OP
  if (resolver.WITH_OP() != kTfLiteOk) return;
#endif
  tflite::MicroInterpreter interpreter(tflite::GetModel(g_model), resolver, g_arena,
                                       sizeof(g_arena));
  if (interpreter.AllocateTensors() != kTfLiteOk) return;
  interpreter.input(0)->data.int8[0] = 1;
  if (interpreter.Invoke() != kTfLiteOk) return;
  g_result = interpreter.output(0)->data.int8[0];
}
}
