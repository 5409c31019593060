#include "chips/cortex_m4/startup.h"

#include <string.h>

#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/mpu.h"

int main();

extern "C" {

extern uint32_t __data_start[];
extern uint32_t __data_end[];
extern const uint32_t __data_load[];
extern char __bss_start[];
extern char __bss_end[];

// Trusts nothing of what came before: SparkFun's variable loader sets neither stack nor vector
// table, the Nano's newer bootloader leaves VTOR at 0 (docs/boards/nano33.md, 2;
// docs/boards/sparkfun_edge.md, 1.2). The FPU goes on first because the compiler may use its
// registers anywhere below. Painting the stack is left to assembly, which uses none of it.
__attribute__((naked, used)) void ResetHandler() {
  asm volatile(
      "cpsid i\n"
      "movs r0, #0\n"
      "msr control, r0\n"
      "isb\n"
      "ldr r0, =__stack_end\n"
      "mov sp, r0\n"
      "ldr r1, =0xE000ED08\n"  // VTOR
      "ldr r2, =g_vectors\n"
      "str r2, [r1]\n"
      "ldr r1, =0xE000ED88\n"  // CPACR: full access to CP10 and CP11
      "ldr r2, [r1]\n"
      "orr r2, r2, #0xF00000\n"
      "str r2, [r1]\n"
      "dsb\n"
      "isb\n"
      "ldr r1, =__stack_start\n"
      "ldr r2, =0xA5A5A5A5\n"
      "1:\n"
      "str r2, [r1], #4\n"
      "cmp r1, r0\n"
      "blo 1b\n"
      "bl StartProgram\n"
      ".ltorg\n");
}

// By words, without the C library's memcpy, which an image may otherwise do without.
static void CopyData() {
  const uint32_t* from = __data_load;
  for (uint32_t* to = __data_start; to < __data_end; ++to) {
    *to = *from++;
    asm volatile("" ::: "memory");  // or the compiler makes it a memcpy
  }
}

[[noreturn]] __attribute__((used)) void StartProgram() {
  using namespace tinydeploy;
  core::kMpuCtrl.write(0);                 // a bootloader's map is another
  core::kCcr.write(core::kCcrStackAlign);  // x / 0 = 0 and no traps, whatever ran before
  core::kSysTickCtrl.write(0);
  core::kScr.write(0);
  core::kShcsr.write(core::kShcsrFaultHandlers);
  LeaveBootloader();
  CopyData();
  memset(__bss_start, 0, static_cast<size_t>(__bss_end - __bss_start));
  ProtectMemory();
  core::CpsieI();
  main();
  for (;;) core::Wfi();
}

}  // extern "C"

namespace tinydeploy {

uint32_t StackUsedBytes() {
  const auto* word = reinterpret_cast<const uint32_t*>(__stack_start);
  const auto* end = reinterpret_cast<const uint32_t*>(__stack_end);
  while (word < end && *word == 0xA5A5A5A5) ++word;
  return static_cast<uint32_t>(reinterpret_cast<const char*>(end) -
                               reinterpret_cast<const char*>(word));
}

void StartCycleCounter() {
  core::kDemcr.set(core::kDemcrTrace);
  core::kDwtCycles.write(0);
  core::kDwtCtrl.set(1);
}

}  // namespace tinydeploy
