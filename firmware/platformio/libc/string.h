// For Zig's freestanding target, which ships no C library headers. Only what its compiler runtime
// defines, or what firmware/chips/cortex_m4/libc.cpp does.
#ifndef TINYDEPLOY_LIBC_STRING_H_
#define TINYDEPLOY_LIBC_STRING_H_

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

void* memcpy(void* __restrict to, const void* __restrict from, size_t bytes);
void* memmove(void* to, const void* from, size_t bytes);
void* memset(void* to, int value, size_t bytes);
int memcmp(const void* a, const void* b, size_t bytes);
size_t strlen(const char* text);

#ifdef __cplusplus
}
#endif

#endif  // TINYDEPLOY_LIBC_STRING_H_
