// Gives buffers with lifetimes their places in the arena. memory.py on the host does the same.
#ifndef TINYDEPLOY_RUNTIME_PLANNER_H_
#define TINYDEPLOY_RUNTIME_PLANNER_H_

#include <stdint.h>

#include "abi/limits.h"

namespace tinydeploy {

// A tensor or a scratch buffer, alive from operator `first` to operator `last`.
struct Buffer {
  uint32_t bytes;
  uint32_t offset;  // from the base of the arena
  int16_t first;    // negative: needs no place
  int16_t last;     // -1: persistent, has one
};
static_assert(limits::kCount <= INT16_MAX, "Buffer::first and last are operators");
constexpr uint32_t kUnplaced = UINT32_MAX;

// Gives buffer `later`, of the same size, the memory of buffer `earlier`: both before planning,
// `later` written by the last operator that reads `earlier`.
void ShareMemory(Buffer* buffers, int earlier, int later);

// Greedy by size: the largest buffer first (ties: the lower index), each at the lowest offset, in
// steps of 16 bytes, where it overlaps no placed buffer that is alive at the same time. Buffers
// with another offset than kUnplaced keep their place. Returns the bytes that all of them need.
uint32_t PlanBuffers(Buffer* buffers, int count);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_PLANNER_H_
