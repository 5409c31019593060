#include "chips/cortex_m4/startup.h"

#include "chips/apollo3/registers.h"
#include "chips/cortex_m4/core.h"

extern "C" void Uart0Handler();

namespace tinydeploy {
namespace {

using namespace apollo3;

// The secure bootloader listens on UART0 and may leave it running. Touched only if it has power.
void SilenceUart() {
  if (!power::kDeviceStatus.has(power::kStatusUarts)) return;
  uart0::kIntEnable.write(0);
  uart0::kIntClear.write(uart0::kIntAll);
}

// As far as the last that is used: the others are never enabled.
constexpr int kVectors = uart0::kIrq + 1;

constexpr VectorTable<kVectors> MakeVectors() {
  VectorTable<kVectors> table = MakeVectorTable<kVectors>();
  if constexpr (TINYDEPLOY_LINK_UART) table.irqs[uart0::kIrq] = Uart0Handler;
  return table;
}

}  // namespace

// What the loaders leave is unknown, so nothing is taken as given
// (docs/boards/sparkfun_edge.md, 1.2).
void LeaveBootloader() {
  SilenceUart();
  core::BlockAllIrqs(kIrqs);
}

// VTOR wants the table aligned to its size, rounded up to a power of two.
extern "C" __attribute__((section(".vectors"), used, aligned(256))) const VectorTable<kVectors>
    g_vectors = MakeVectors();

}  // namespace tinydeploy
