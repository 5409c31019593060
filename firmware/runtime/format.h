// A printf for a fixed buffer, without the C library.
#ifndef TINYDEPLOY_RUNTIME_FORMAT_H_
#define TINYDEPLOY_RUNTIME_FORMAT_H_

#include <stdarg.h>
#include <stddef.h>

namespace tinydeploy {

// Knows %d %i %u %x %c %s %p %% with h, l, ll and z; skips widths and precisions; prints %f as
// "(float)". Truncates what does not fit; always ends with 0. Returns the length of the text.
int FormatText(char* out, size_t capacity, const char* format, va_list args);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_FORMAT_H_
