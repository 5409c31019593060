#include "tensorflow/lite/micro/micro_log.h"

#include <stdarg.h>

#include "tensorflow/lite/micro/debug_log.h"
#include "tensorflow/lite/micro/system_setup.h"

// Platforms override these.
extern "C" __attribute__((weak)) void DebugLog(const char*, va_list) {}

namespace tflite {
__attribute__((weak)) void InitializeTarget() {}
}  // namespace tflite

void MicroPrintf(const char* format, ...) {
  va_list args;
  va_start(args, format);
  DebugLog(format, args);
  va_end(args);
}
