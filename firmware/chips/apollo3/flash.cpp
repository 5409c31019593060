#include "chips/apollo3/flash.h"

#include "chips/apollo3/registers.h"
#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/mpu.h"

namespace tinydeploy {
namespace apollo3 {
namespace {

// No document says which addresses these functions of the boot ROM touch: they run without the MPU.
using ErasePage = int (*)(uint32_t key, uint32_t instance, uint32_t page);
using Program = int (*)(uint32_t key, const uint32_t* source, uint32_t target, uint32_t words);

constexpr uint32_t kInstanceBytes = 512 << 10;

// What was read of the flash before may still be in the cache.
void ForgetCache() {
  cache::kControl.set(cache::kInvalidate);
  core::Dsb();
  core::Isb();
}

}  // namespace

void FlashErase(const uint8_t* page) {
  const auto address = reinterpret_cast<uint32_t>(page);
  core::InterruptLock lock;
  Unprotected rom;
  reinterpret_cast<ErasePage>(rom::kErasePage)(rom::kProgramKey, address / kInstanceBytes,
                                               address % kInstanceBytes / kFlashPageBytes);
  ForgetCache();
}

void FlashWrite(const uint8_t* at, const uint32_t* words, size_t count) {
  const auto program = reinterpret_cast<Program>(rom::kProgram);
  const auto start = reinterpret_cast<uint32_t>(at);
  for (uint32_t i = 0; i < count; ++i) {
    const Register word = Nth(start, i);
    if (word.read() == words[i]) continue;
    core::InterruptLock lock;
    Unprotected rom;
    program(rom::kProgramKey, words + i, start + i * sizeof(uint32_t), 1);
  }
  ForgetCache();
}

}  // namespace apollo3
}  // namespace tinydeploy
