// Registers of the nRF52840 that the firmware uses (docs/boards/nano33.md, from Nordic's SVD).
#ifndef TINYDEPLOY_CHIPS_NRF52840_REGISTERS_H_
#define TINYDEPLOY_CHIPS_NRF52840_REGISTERS_H_

#include "chips/cortex_m4/register.h"

namespace tinydeploy {
namespace nrf52840 {

constexpr int kIrqs = 48;

namespace clock {
constexpr Register kTaskHfclkStart(0x40000000);
constexpr Register kEventHfclkStarted(0x40000100);
constexpr Register kEventCtto(0x40000110);
constexpr Register kEventDone(0x4000010C);
constexpr Register kHfclkStat(0x4000040C);
constexpr Register kCtiv(0x40000538);
constexpr Register kTraceConfig(0x4000055C);
constexpr uint32_t kHfxoRunning = 0x00010001;
constexpr uint32_t kIntHfclkStarted = 1;  // in power::kIntenSet, which is CLOCK's as well
}  // namespace clock

namespace power {
constexpr uint32_t kIrq = 0;  // shared with CLOCK
constexpr Register kEventUsbDetected(0x4000011C);
constexpr Register kEventUsbRemoved(0x40000120);
constexpr Register kEventUsbPowerReady(0x40000124);
constexpr Register kIntenSet(0x40000304);
constexpr Register kResetReason(0x40000400);
constexpr Register kUsbRegStatus(0x40000438);
constexpr Register kGpregret(0x4000051C);
constexpr Register kDcdcEnable(0x40000578);
constexpr uint32_t kResetPin = 1;
constexpr uint32_t kIntUsb = 7u << 7;  // detected, removed, power ready
constexpr uint32_t kVbusDetected = 1;
constexpr uint32_t kUsbOutputReady = 2;
}  // namespace power

namespace ficr {
constexpr Register kDeviceId0(0x10000060);
constexpr Register kDeviceId1(0x10000064);
constexpr Register kDeviceAddress0(0x100000A4);
constexpr Register kDeviceAddress1(0x100000A8);
constexpr Register kPart(0x10000130);
constexpr Register kRevision(0x10000134);
}  // namespace ficr

namespace approtect {
constexpr Register kDisable(0x40000558);
constexpr uint32_t kOpen = 0x5A;
constexpr uint32_t kFirstHardenedRevision = 5;
}  // namespace approtect

namespace nvmc {
constexpr Register kReady(0x4001E400);
constexpr Register kConfig(0x4001E504);
constexpr Register kErasePage(0x4001E508);
constexpr Register kIcacheConfig(0x4001E540);
constexpr uint32_t kReadOnly = 0;
constexpr uint32_t kWrite = 1;
constexpr uint32_t kErase = 2;
}  // namespace nvmc

namespace gpio {
// Pins count through both ports: 32 * port + pin, as in PSEL registers.
constexpr uint32_t Base(uint32_t pin) { return 0x50000000 + (pin / 32) * 0x300; }
constexpr uint32_t Bit(uint32_t pin) { return 1u << (pin % 32); }
constexpr Register OutSet(uint32_t pin) { return Register(Base(pin) + 0x508); }
constexpr Register OutClear(uint32_t pin) { return Register(Base(pin) + 0x50C); }
constexpr Register DirSet(uint32_t pin) { return Register(Base(pin) + 0x518); }
constexpr Register Config(uint32_t pin) { return Nth(Base(pin) + 0x700, pin % 32); }
constexpr uint32_t kOutput = 3;        // direction out, input buffer disconnected
constexpr uint32_t kInputPullUp = 12;  // direction in, input buffer connected
}  // namespace gpio

namespace gpiote {
constexpr Register kIntenClear(0x40006308);
}

namespace rtc1 {
constexpr Register kTaskStop(0x40011004);
constexpr Register kIntenClear(0x40011308);
constexpr Register kEventEnableClear(0x40011348);
constexpr uint32_t kCompare0 = 1u << 16;
}  // namespace rtc1

namespace pwm {
constexpr uint32_t kBases[] = {0x4001C000, 0x40021000, 0x40022000, 0x4002D000};
constexpr uint32_t kEnable = 0x500;
constexpr uint32_t kPselOut0 = 0x560;
}  // namespace pwm

namespace uarte0 {
constexpr uint32_t kIrq = 2;
constexpr Register kTaskStartRx(0x40002000);
constexpr Register kTaskStopRx(0x40002004);
constexpr Register kTaskStartTx(0x40002008);
constexpr Register kTaskStopTx(0x4000200C);
constexpr Register kEventEndRx(0x40002110);
constexpr Register kEventEndTx(0x40002120);
constexpr Register kEventError(0x40002124);
constexpr Register kEventRxTimeout(0x40002144);
constexpr Register kEventTxStopped(0x40002158);
constexpr Register kShorts(0x40002200);
constexpr Register kIntenSet(0x40002304);
constexpr Register kIntenClear(0x40002308);
constexpr Register kErrorSource(0x40002480);
constexpr Register kEnable(0x40002500);
constexpr Register kPselRts(0x40002508);
constexpr Register kPselTxd(0x4000250C);
constexpr Register kPselCts(0x40002510);
constexpr Register kPselRxd(0x40002514);
constexpr Register kBaudrate(0x40002524);
constexpr Register kRxPointer(0x40002534);
constexpr Register kRxCount(0x40002538);
constexpr Register kTxPointer(0x40002544);
constexpr Register kTxCount(0x40002548);
constexpr Register kConfig(0x4000256C);
constexpr uint32_t kOn = 8;
constexpr uint32_t kIntEndRx = 1u << 4;
constexpr uint32_t kIntError = 1u << 9;
constexpr uint32_t kErrorOverrun = 1;
}  // namespace uarte0

namespace usbd {
constexpr uint32_t kIrq = 39;
constexpr uint32_t kBase = 0x40027000;
constexpr Register kTaskEp0ReceiveOut(kBase + 0x04C);
constexpr Register kTaskEp0Status(kBase + 0x050);
constexpr Register kTaskEp0Stall(kBase + 0x054);
constexpr uint32_t kFirstEvent = kBase + 0x100;
constexpr uint32_t kEvents = 25;
constexpr Register kEventBusReset(kFirstEvent);
constexpr Register kEventEp0DataDone(kBase + 0x128);
constexpr Register kEventCauseChanged(kBase + 0x158);  // Nordic's name is USBEVENT
constexpr Register kEventEp0Setup(kBase + 0x15C);
constexpr Register kEventEpData(kBase + 0x160);
constexpr Register kIntenSet(kBase + 0x304);
constexpr Register kIntenClear(kBase + 0x308);
constexpr Register kEventCause(kBase + 0x400);
constexpr Register kEpDataStatus(kBase + 0x46C);
constexpr Register SetupByte(uint32_t n) { return Nth(kBase + 0x480, n); }
constexpr Register kEnable(kBase + 0x500);
constexpr Register kPullUp(kBase + 0x504);  // shows the host that there is a device
constexpr Register kDataToggle(kBase + 0x50C);
constexpr Register kEpInEnable(kBase + 0x510);
constexpr Register kEpOutEnable(kBase + 0x514);
constexpr Register kEpStall(kBase + 0x518);
constexpr uint32_t kHaltedIn = kBase + 0x420;
constexpr uint32_t kHaltedOut = kBase + 0x444;
constexpr Register SizeOut(uint32_t endpoint) { return Nth(kBase + 0x4A0, endpoint); }

constexpr uint32_t kIntBusReset = 1u << 0;
constexpr uint32_t kIntEp0DataDone = 1u << 10;
constexpr uint32_t kIntCauseChanged = 1u << 22;
constexpr uint32_t kIntEp0Setup = 1u << 23;
constexpr uint32_t kIntEpData = 1u << 24;
constexpr uint32_t kCauseSuspend = 1u << 8;
constexpr uint32_t kCauseResume = 1u << 9;
constexpr uint32_t kCauseReady = 1u << 11;
constexpr uint32_t kToggleData0 = 1u << 8;  // beside the endpoint's address
constexpr uint32_t kStall = 1u << 8;        // likewise
constexpr uint32_t InBit(uint32_t endpoint) { return 1u << endpoint; }  // of kEpDataStatus
constexpr uint32_t OutBit(uint32_t endpoint) { return 1u << (16 + endpoint); }

// What moves the packets of one endpoint in one direction, as offsets.
struct Dma {
  uint16_t start;   // task
  uint16_t end;     // event
  uint16_t buffer;  // pointer; the count follows
};
constexpr Dma InDma(uint16_t endpoint) {
  return {static_cast<uint16_t>(0x004 + 4 * endpoint), static_cast<uint16_t>(0x108 + 4 * endpoint),
          static_cast<uint16_t>(0x600 + 0x14 * endpoint)};
}
constexpr Dma OutDma(uint16_t endpoint) {
  return {static_cast<uint16_t>(0x028 + 4 * endpoint), static_cast<uint16_t>(0x130 + 4 * endpoint),
          static_cast<uint16_t>(0x700 + 0x14 * endpoint)};
}
}  // namespace usbd

// Registers that only Nordic's errata name.
namespace errata {
constexpr Register kUsb166a(0x40027800);
constexpr Register kUsb166b(0x40027804);
constexpr Register kUsb199(0x40027C1C);
constexpr Register kLock(0x4006EC00);  // of the following two
constexpr Register kUsb171(0x4006EC14);
constexpr Register kUsb187(0x4006ED14);
constexpr uint32_t kKey = 0x9375;
}  // namespace errata

constexpr uint32_t kDisconnected = 0xFFFFFFFF;  // of any PSEL register

}  // namespace nrf52840
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_NRF52840_REGISTERS_H_
