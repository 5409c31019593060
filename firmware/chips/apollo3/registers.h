// Registers of the Apollo3 Blue that the firmware uses (docs/boards/sparkfun_edge.md).
#ifndef TINYDEPLOY_CHIPS_APOLLO3_REGISTERS_H_
#define TINYDEPLOY_CHIPS_APOLLO3_REGISTERS_H_

#include "chips/cortex_m4/register.h"

namespace tinydeploy {
namespace apollo3 {

constexpr int kIrqs = 32;

namespace reset {
constexpr Register kStatus(0x4FFFF000);
}

namespace clkgen {
constexpr Register kKey(0x40004014);
constexpr Register kCoreClock(0x40004018);
constexpr uint32_t kUnlock = 0x47;
constexpr uint32_t k48Mhz = 0;
}  // namespace clkgen

namespace mcuctrl {
constexpr Register kChipId0(0x40020004);
constexpr Register kChipRevision(0x4002000C);
}  // namespace mcuctrl

namespace power {
constexpr Register kDeviceEnable(0x40021008);
constexpr Register kDeviceStatus(0x40021018);
constexpr uint32_t kEnableUart0 = 1u << 7;
constexpr uint32_t kStatusUarts = 1u << 2;  // the domain HCPA: IOS and both UARTs
}  // namespace power

namespace cache {
constexpr Register kConfig(0x40018000);
constexpr uint32_t kFlashConfig = 0x40018004;
constexpr Register kControl(0x40018008);
constexpr uint32_t kInvalidate = 1u << 0;
constexpr uint32_t kEnable = 1u << 0;
constexpr uint32_t kGeometry = 8u << 4;  // one way, 1024 lines of 16 bytes
constexpr uint32_t kInstructions = 1u << 8;
constexpr uint32_t kData = 1u << 9;
constexpr uint32_t kClockGates = (1u << 10) | (1u << 20);
// Read wait 1, SE delay 5, low-power read wait 7, low-power mode 1: the HAL's recommendation.
constexpr uint32_t kFlashTiming = 1u | (5u << 4) | (7u << 8) | (1u << 12);
}  // namespace cache

namespace rom {
// Thumb addresses of functions, with their arguments.
constexpr uint32_t kErasePage = 0x08000051;  // int(key, instance, page)
constexpr uint32_t kProgram = 0x08000055;    // int(key, source in SRAM, destination, words)
constexpr uint32_t kWriteWord = 0x08000079;  // void(address, value)
constexpr uint32_t kProgramKey = 0x12344321;
}  // namespace rom

namespace gpio {
constexpr Register kPadKey(0x40010060);
constexpr uint32_t kUnlock = 0x73;
// One byte a pin in PAD registers, one nibble in CFG registers.
constexpr Register Pad(uint32_t pin) { return Nth(0x40010000, pin / 4); }
constexpr uint32_t PadShift(uint32_t pin) { return pin % 4 * 8; }
constexpr Register Config(uint32_t pin) { return Nth(0x40010040, pin / 8); }
constexpr uint32_t ConfigShift(uint32_t pin) { return pin % 8 * 4; }
constexpr Register OutSet(uint32_t pin) { return Nth(0x40010090, pin / 32); }
constexpr Register OutClear(uint32_t pin) { return Nth(0x40010098, pin / 32); }

constexpr uint32_t kPadPullUp = 1u << 0;
constexpr uint32_t kPadInput = 1u << 1;
constexpr uint32_t PadFunction(uint32_t function) { return function << 3; }
constexpr uint32_t kFunctionGpio = 3;
constexpr uint32_t kConfigPushPull = 1u << 1;
}  // namespace gpio

namespace uart0 {
constexpr uint32_t kIrq = 15;
constexpr Register kData(0x4001C000);
constexpr Register kFlags(0x4001C018);
constexpr Register kDividerInteger(0x4001C024);
constexpr Register kDividerFraction(0x4001C028);
constexpr Register kLineControl(0x4001C02C);
constexpr Register kControl(0x4001C030);
constexpr Register kFifoLevels(0x4001C034);
constexpr Register kIntEnable(0x4001C038);
constexpr Register kIntClear(0x4001C044);
constexpr uint32_t kDataOverrun = 1u << 11;
constexpr uint32_t kFlagBusy = 1u << 3;
constexpr uint32_t kFlagRxEmpty = 1u << 4;
constexpr uint32_t kFlagTxFull = 1u << 5;
constexpr uint32_t kLine8BitsFifo = (3u << 5) | (1u << 4);
constexpr uint32_t kControlClock24Mhz = (1u << 3) | (1u << 4);
constexpr uint32_t kControlRun = kControlClock24Mhz | (1u << 0) | (1u << 8) | (1u << 9);
constexpr uint32_t kRxHalfFull = 2u << 3;
constexpr uint32_t kTxHalfFull = 2u;
constexpr uint32_t kIntRx = 1u << 4;
constexpr uint32_t kIntRxTimeout = 1u << 6;
constexpr uint32_t kIntOverrun = 1u << 10;
constexpr uint32_t kIntAll = 0x7FF;
}  // namespace uart0

}  // namespace apollo3
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_APOLLO3_REGISTERS_H_
