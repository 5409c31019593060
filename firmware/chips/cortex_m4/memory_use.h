#ifndef TINYDEPLOY_CHIPS_CORTEX_M4_MEMORY_USE_H_
#define TINYDEPLOY_CHIPS_CORTEX_M4_MEMORY_USE_H_

#include "board.h"
#include "chips/cortex_m4/startup.h"

namespace tinydeploy {

// From the linker's symbols and the painted stack.
inline board::MemoryUse LinkedMemoryUse() {
  return {static_cast<uint32_t>(__stack_end - __stack_start), StackUsedBytes(),
          static_cast<uint32_t>(__static_end - __static_start)};
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_CORTEX_M4_MEMORY_USE_H_
