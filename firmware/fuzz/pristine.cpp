#include "fuzz/pristine.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

// The linker's: all that can be written and is no heap and no stack.
extern "C" uint8_t __data_start[], _end[];

namespace tinydeploy {
namespace fuzz {
namespace {

uint8_t* g_kept;

// Past the address sanitizer, between whose variables nothing may be touched.
void Copy(uint8_t* to, const uint8_t* from, size_t bytes) {
  asm volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(bytes) : : "memory");
}

size_t Bytes() {
  return reinterpret_cast<uintptr_t>(_end) - reinterpret_cast<uintptr_t>(__data_start);
}

}  // namespace

void KeepMemory() {
  g_kept = static_cast<uint8_t*>(malloc(Bytes()));
  Copy(g_kept, __data_start, Bytes());
}

void RestoreMemory() { Copy(__data_start, g_kept, Bytes()); }

}  // namespace fuzz
}  // namespace tinydeploy
