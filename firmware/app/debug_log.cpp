// Log text goes out over the link as it is, between frames: the host tells it from frames because
// it is printable, and a serial monitor shows it.
#include "tensorflow/lite/micro/micro_interpreter.h"

#ifdef TINYDEPLOY_RUNTIME  // upstream brings a DebugLog of its own

#include <stdarg.h>

#include "board.h"
#include "runtime/format.h"
#include "tensorflow/lite/micro/debug_log.h"

extern "C" void DebugLog(const char* format, va_list args) {
  char line[128];
  size_t length = static_cast<size_t>(tinydeploy::FormatText(line, sizeof(line) - 2, format, args));
  line[length++] = '\r';
  line[length++] = '\n';
  tinydeploy::board::Write(reinterpret_cast<const uint8_t*>(line), length);
}

#endif
