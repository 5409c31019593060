#ifndef TENSORFLOW_LITE_MICRO_DEBUG_LOG_H_
#define TENSORFLOW_LITE_MICRO_DEBUG_LOG_H_

#include <stdarg.h>

// Where log text goes: a platform defines it, the default (weak) drops the text.
// `tinydeploy::FormatText` (runtime/format.h) turns format and arguments into text.
extern "C" void DebugLog(const char* format, va_list args);

#endif  // TENSORFLOW_LITE_MICRO_DEBUG_LOG_H_
