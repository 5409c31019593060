// Flash of the nRF52840 behind its controller, the NVMC (docs/boards/nano33.md, 8).
#ifndef TINYDEPLOY_CHIPS_NRF52840_FLASH_H_
#define TINYDEPLOY_CHIPS_NRF52840_FLASH_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {
namespace nrf52840 {

constexpr uint32_t kFlashPageBytes = 4096;

// The CPU stands still for 85 ms a page and 41 us a word, because it runs from the same flash.
// `page` must hold no code.
void FlashErase(const uint8_t* page);
// Clears bits; `at` is aligned to a word. Words that hold their value already are left alone: each
// takes two writes at most between erases.
void FlashWrite(const uint8_t* at, const uint32_t* words, size_t count);

}  // namespace nrf52840
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_NRF52840_FLASH_H_
