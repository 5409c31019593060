#ifndef TINYDEPLOY_CHIPS_CORTEX_M4_MODEL_FLASH_H_
#define TINYDEPLOY_CHIPS_CORTEX_M4_MODEL_FLASH_H_

#include "board.h"

extern "C" {
extern char __slots_start[];  // set by sections.ld; only the addresses mean something
extern char __slots_end[];
}

namespace tinydeploy {

// The flash that the linker script keeps free after the image.
inline board::ModelFlash LinkedModelFlash(uint32_t page_bytes) {
  return {reinterpret_cast<const uint8_t*>(__slots_start),
          static_cast<uint32_t>(__slots_end - __slots_start), page_bytes};
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_CORTEX_M4_MODEL_FLASH_H_
