// Flash of the Apollo3 Blue through its boot ROM (docs/boards/sparkfun_edge.md, 1.4).
#ifndef TINYDEPLOY_CHIPS_APOLLO3_FLASH_H_
#define TINYDEPLOY_CHIPS_APOLLO3_FLASH_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {
namespace apollo3 {

constexpr uint32_t kFlashPageBytes = 8192;

// Interrupts are blocked while a page is erased or a word programmed. `page` must hold no code.
void FlashErase(const uint8_t* page);
// Clears bits; `at` is aligned to a word, `words` lie in SRAM, not in its last word. Words that
// hold their value already are left alone.
void FlashWrite(const uint8_t* at, const uint32_t* words, size_t count);

}  // namespace apollo3
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_APOLLO3_FLASH_H_
