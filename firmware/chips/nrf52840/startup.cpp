#include "chips/cortex_m4/startup.h"

#include "chips/cortex_m4/core.h"
#include "chips/nrf52840/chip.h"
#include "chips/nrf52840/registers.h"

extern "C" void Uarte0Handler();
extern "C" void UsbHandler();

namespace tinydeploy {
namespace {

using namespace nrf52840;

// PWM0 owns the orange LED's pin; GPIO writes to it would have no effect.
void ReleasePwm() {
  for (const uint32_t base : pwm::kBases) {
    Register(base + pwm::kEnable).write(0);
    Register(base + pwm::kPselOut0).write(kDisconnected);
  }
}

void StopInterruptSources() {
  rtc1::kTaskStop.write(1);
  rtc1::kIntenClear.write(rtc1::kCompare0);
  rtc1::kEventEnableClear.write(rtc1::kCompare0);
  gpiote::kIntenClear.write(0xFFFFFFFF);
  core::BlockAllIrqs(kIrqs);
}

// As far as the last that is used: the others are never enabled.
constexpr int kVectors = (TINYDEPLOY_LINK_USB ? usbd::kIrq : uarte0::kIrq) + 1;

constexpr VectorTable<kVectors> MakeVectors() {
  VectorTable<kVectors> table = MakeVectorTable<kVectors>();
  if constexpr (TINYDEPLOY_LINK_UART) table.irqs[uarte0::kIrq] = Uarte0Handler;
  if constexpr (TINYDEPLOY_LINK_USB) {
    table.irqs[power::kIrq] = UsbHandler;
    table.irqs[usbd::kIrq] = UsbHandler;
  }
  return table;
}

}  // namespace

// State at the reset vector: docs/boards/nano33.md, 2.
void LeaveBootloader() {
  UartStop();
  ReleasePwm();
  StopInterruptSources();
}

// VTOR wants the table aligned to its size, rounded up to a power of two.
extern "C" __attribute__((section(".vectors"), used, aligned(256))) const VectorTable<kVectors>
    g_vectors = MakeVectors();

}  // namespace tinydeploy
