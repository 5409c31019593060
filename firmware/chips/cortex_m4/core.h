// Registers of the core that the firmware uses (Armv7-M Architecture Reference Manual, B3 and C1).
#ifndef TINYDEPLOY_CHIPS_CORTEX_M4_CORE_H_
#define TINYDEPLOY_CHIPS_CORTEX_M4_CORE_H_

#include "chips/cortex_m4/register.h"

namespace tinydeploy {
namespace core {

constexpr Register kSysTickCtrl(0xE000E010);
constexpr Register kIcsr(0xE000ED04);
constexpr Register kAircr(0xE000ED0C);
constexpr Register kScr(0xE000ED10);
constexpr Register kCcr(0xE000ED14);
constexpr Register kShcsr(0xE000ED24);
constexpr Register kCfsr(0xE000ED28);
constexpr Register kHfsr(0xE000ED2C);
constexpr Register kMmfar(0xE000ED34);
constexpr Register kBfar(0xE000ED38);
constexpr Register kMpuCtrl(0xE000ED94);
constexpr Register kMpuNumber(0xE000ED98);
constexpr Register kMpuBase(0xE000ED9C);
constexpr Register kMpuAttributes(0xE000EDA0);
constexpr Register kDemcr(0xE000EDFC);

constexpr uint32_t kMpuEnable = 1;  // no default map, and off in a HardFault
constexpr uint32_t kCcrStackAlign = 1u << 9;
constexpr uint32_t kShcsrFaultHandlers = 7u << 16;  // MemManage, BusFault, UsageFault
constexpr uint32_t kAircrSystemReset = 0x05FA0004;  // with the key
constexpr uint32_t kIcsrActiveMask = 0x1FF;
constexpr uint32_t kCfsrStackingFailed = (1u << 12) | (1u << 4);  // STKERR, MSTKERR
constexpr uint32_t kDemcrTrace = 1u << 24;

constexpr Register kDwtCtrl(0xE0001000);
constexpr Register kDwtCycles(0xE0001004);

constexpr uint32_t kNvicSetEnable = 0xE000E100;
constexpr uint32_t kNvicClearEnable = 0xE000E180;
constexpr uint32_t kNvicClearPending = 0xE000E280;
constexpr uint32_t kNvicPriority = 0xE000E400;
// Of four interrupts: below the fault handlers, which stay at 0.
constexpr uint32_t kDeviceIrqPriorities = 0x80808080;

inline void EnableIrq(uint32_t irq) { Nth(kNvicSetEnable, irq / 32).write(1u << (irq % 32)); }
inline void DisableIrq(uint32_t irq) { Nth(kNvicClearEnable, irq / 32).write(1u << (irq % 32)); }
inline void ForgetIrq(uint32_t irq) { Nth(kNvicClearPending, irq / 32).write(1u << (irq % 32)); }

// And gives all the same priority, so that none interrupts another.
inline void BlockAllIrqs(uint32_t irqs) {
  for (uint32_t i = 0; i < (irqs + 31) / 32; ++i) {
    Nth(kNvicClearEnable, i).write(0xFFFFFFFF);
    Nth(kNvicClearPending, i).write(0xFFFFFFFF);
  }
  for (uint32_t i = 0; i < irqs / 4; ++i) Nth(kNvicPriority, i).write(kDeviceIrqPriorities);
}

// The names of the instructions.
inline void Dsb() { asm volatile("dsb" ::: "memory"); }
inline void Isb() { asm volatile("isb" ::: "memory"); }
inline void Wfi() { asm volatile("wfi" ::: "memory"); }
inline void CpsidI() { asm volatile("cpsid i" ::: "memory"); }
inline void CpsieI() { asm volatile("cpsie i" ::: "memory"); }

inline uint32_t Primask() {
  uint32_t mask;
  asm volatile("mrs %0, primask" : "=r"(mask));
  return mask;
}

// Blocks interrupts for a scope.
class InterruptLock {
 public:
  InterruptLock() : was_blocked_(Primask() != 0) { CpsidI(); }
  ~InterruptLock() {
    if (!was_blocked_) CpsieI();
  }
  InterruptLock(const InterruptLock&) = delete;
  InterruptLock& operator=(const InterruptLock&) = delete;

 private:
  bool was_blocked_;
};

}  // namespace core
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_CORTEX_M4_CORE_H_
