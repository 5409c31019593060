// From the reset vector to main(), the same for every Cortex-M4F chip.
#ifndef TINYDEPLOY_CHIPS_CORTEX_M4_STARTUP_H_
#define TINYDEPLOY_CHIPS_CORTEX_M4_STARTUP_H_

#include <stdint.h>

// Set by sections.ld; only the addresses mean something.
extern "C" {
extern char __stack_start[];
extern char __stack_end[];
extern char __static_start[];
extern char __static_end[];
extern char __ram_start[];
extern char __ram_end[];

[[noreturn]] void ResetHandler();
void FaultHandler();
[[noreturn]] void UnexpectedHandler();
}

namespace tinydeploy {

// Supplied by the chip. Runs before .data and .bss are there: ends what a bootloader left running
// that could write to RAM or interrupt.
void LeaveBootloader();

// Each entry is a handler; where the chip has `kIrqs` interrupts.
template <int kIrqs>
struct VectorTable {
  void* initial_stack;
  void (*exceptions[15])();
  void (*irqs[kIrqs])();
};

// A table in which everything unexpected is reported instead of running into the weeds.
template <int kIrqs>
constexpr VectorTable<kIrqs> MakeVectorTable() {
  VectorTable<kIrqs> table = {__stack_end, {}, {}};
  for (auto& handler : table.exceptions) handler = UnexpectedHandler;
  for (auto& handler : table.irqs) handler = UnexpectedHandler;
  table.exceptions[0] = ResetHandler;
  for (int exception = 3; exception <= 6; ++exception) {  // hard, memory, bus, usage
    table.exceptions[exception - 1] = FaultHandler;
  }
  return table;
}

// Deepest stack use so far, bytes: start-up has painted the stack.
uint32_t StackUsedBytes();

void StartCycleCounter();

}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_CORTEX_M4_STARTUP_H_
