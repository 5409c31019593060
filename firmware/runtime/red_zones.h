// In builds with the address sanitizer and TINYDEPLOY_RED_ZONES: an operator that touches memory of
// the arena that is not its own is caught, though the arena is one block. Nothing in other builds.
#ifndef TINYDEPLOY_RUNTIME_RED_ZONES_H_
#define TINYDEPLOY_RUNTIME_RED_ZONES_H_

#include <stddef.h>
#include <stdint.h>

#ifdef TINYDEPLOY_RED_ZONES
#include <sanitizer/asan_interface.h>
#endif

namespace tinydeploy {
namespace red_zones {

#ifdef TINYDEPLOY_RED_ZONES
// Between neighbours, so that none begins where the other ends.
constexpr uint32_t kGap = 16;
inline void Close(const void* at, size_t bytes) { ASAN_POISON_MEMORY_REGION(at, bytes); }
inline void Open(const void* at, size_t bytes) { ASAN_UNPOISON_MEMORY_REGION(at, bytes); }
// Words beside the arguments of a step: the number of its scratch buffers in front, their sizes
// behind.
constexpr int Before() { return 1; }
constexpr int Behind(int scratch) { return scratch; }
inline void Note(void** args, int behind, int index, uint32_t bytes) {
  args[behind + index] = reinterpret_cast<void*>(static_cast<uintptr_t>(bytes));
}
#else
constexpr uint32_t kGap = 0;
inline void Close(const void*, size_t) {}
inline void Open(const void*, size_t) {}
constexpr int Before() { return 0; }
constexpr int Behind(int) { return 0; }
inline void Note(void**, int, int, uint32_t) {}
#endif

}  // namespace red_zones
}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_RED_ZONES_H_
