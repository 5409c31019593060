// The memory protection unit (Armv7-M Architecture Reference Manual, B3.5): what the firmware has
// no business with is a fault that names the address. Which regions:
// scripts/tinydeploy/protection.py.
#ifndef TINYDEPLOY_CHIPS_CORTEX_M4_MPU_H_
#define TINYDEPLOY_CHIPS_CORTEX_M4_MPU_H_

#include <stdint.h>

#include "chips/cortex_m4/core.h"

namespace tinydeploy {

// Values of RBAR, with the region's number, and of RASR.
struct MpuRegion {
  uint32_t base;
  uint32_t attributes;
};

constexpr uint32_t kPageRegion = 7;  // above all others, for WritablePage

// From here on only what the board's areas allow. A HardFault is let through to report itself.
void ProtectMemory();

// Lets a page of flash be written for a scope; `bytes` is a power of two that divides its address.
class WritablePage {
 public:
  WritablePage(uint32_t page, uint32_t bytes) {
    constexpr uint32_t kValid = 1u << 4, kReadWrite = 1u << 24, kFlashMemory = 2u << 16;
    const auto field = 30u - static_cast<uint32_t>(__builtin_clz(bytes));
    core::kMpuBase.write(page | kValid | kPageRegion);
    core::kMpuAttributes.write(kReadWrite | kFlashMemory | field << 1 | 1);
    core::Dsb();
    core::Isb();
  }
  ~WritablePage() {
    core::Dsb();
    core::kMpuNumber.write(kPageRegion);
    core::kMpuAttributes.write(0);
    core::Dsb();
    core::Isb();
  }
  WritablePage(const WritablePage&) = delete;
  WritablePage& operator=(const WritablePage&) = delete;
};

// No protection for a scope: for code that is not ours and touches unknown addresses.
class Unprotected {
 public:
  Unprotected() { Set(0); }
  ~Unprotected() { Set(core::kMpuEnable); }
  Unprotected(const Unprotected&) = delete;
  Unprotected& operator=(const Unprotected&) = delete;

 private:
  static void Set(uint32_t control) {
    core::Dsb();
    core::kMpuCtrl.write(control);
    core::Dsb();
    core::Isb();
  }
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_CORTEX_M4_MPU_H_
