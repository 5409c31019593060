// Turns a CPU fault into a report for the host.
#include "abi/protocol.h"
#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/startup.h"

namespace tinydeploy {
namespace app {
[[noreturn]] void ServeFault(abi::FaultReport* report);
}
}  // namespace tinydeploy

namespace {

using namespace tinydeploy;

// What the CPU pushed (B1.5.6): r0-r3, r12, lr, pc, xpsr; with the FPU in use 18 words more.
constexpr int kFrameWords = 8;
constexpr uint32_t kBasicFrameBytes = 32;
constexpr uint32_t kFloatFrameBytes = 104;
constexpr uint32_t kXpsrPadded = 1u << 9;        // one word more, to align the stack
constexpr uint32_t kReturnBasicFrame = 1u << 4;  // in EXC_RETURN

abi::FaultReport g_report;

// The frame is there only if pushing it did not fault, which it does when the stack has run over.
bool HasFrame(uint32_t frame) {
  const auto start = reinterpret_cast<uint32_t>(__ram_start);
  const auto end = reinterpret_cast<uint32_t>(__ram_end);
  const bool pushed = (core::kCfsr.read() & core::kCfsrStackingFailed) == 0;
  return pushed && frame >= start && frame <= end - kFrameWords * sizeof(uint32_t);
}

void TakeFrame(const uint32_t* frame, uint32_t exc_return) {
  g_report.r0 = frame[0];
  g_report.r1 = frame[1];
  g_report.r2 = frame[2];
  g_report.r3 = frame[3];
  g_report.r12 = frame[4];
  g_report.lr = frame[5];
  g_report.pc = frame[6];
  g_report.xpsr = frame[7];
  g_report.sp += (exc_return & kReturnBasicFrame) != 0 ? kBasicFrameBytes : kFloatFrameBytes;
  if ((g_report.xpsr & kXpsrPadded) != 0) g_report.sp += sizeof(uint32_t);
}

}  // namespace

extern "C" {

[[noreturn]] __attribute__((used)) void ReportFault(uint32_t frame, uint32_t exc_return) {
  g_report = {};
  g_report.exception = core::kIcsr.read() & core::kIcsrActiveMask;
  g_report.sp = frame;
  if (HasFrame(frame)) TakeFrame(reinterpret_cast<const uint32_t*>(frame), exc_return);
  g_report.cfsr = core::kCfsr.read();
  g_report.hfsr = core::kHfsr.read();
  g_report.mmfar = core::kMmfar.read();
  g_report.bfar = core::kBfar.read();
  app::ServeFault(&g_report);
}

// The configurable faults have handlers of their own, more urgent than any device interrupt: a
// stack that ran over makes pushing the frame fault once more, which a HardFault would not survive
// (B1.5.15, lockup), but a BusFault does.
//
// Reporting needs some 600 bytes of stack. If the faulting code has left less, start over from the
// top: it will not run again. Its frame, if there is one, lies at the other end.
__attribute__((naked, used)) void FaultHandler() {
  asm volatile(
      "cpsid i\n"
      "mov r0, sp\n"
      "mov r1, lr\n"
      "ldr r2, =__stack_start + 1024\n"
      "cmp r0, r2\n"
      "bhs 1f\n"
      "ldr r2, =__stack_end\n"
      "mov sp, r2\n"
      "1:\n"
      "bl ReportFault\n"
      ".ltorg\n");
}

// An unexpected interrupt or exception: reported like a fault, with its number.
__attribute__((naked, used)) void UnexpectedHandler() { asm volatile("b FaultHandler\n"); }

}  // extern "C"
