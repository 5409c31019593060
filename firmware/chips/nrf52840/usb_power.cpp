// From the cable to the pull-up that shows the host a device (docs/boards/nano33.md, 7). The
// three steps depend on events that come in any order and may repeat, so each call looks at the
// state and not at the event: VBUS there -> on; started, supplied and clocked -> pull-up.
#include "chips/nrf52840/usb_power.h"

#include "chips/nrf52840/registers.h"

namespace tinydeploy {
namespace nrf52840 {
namespace {

constexpr uint32_t kInterrupts = usbd::kIntBusReset | usbd::kIntEp0DataDone |
                                 usbd::kIntCauseChanged | usbd::kIntEp0Setup | usbd::kIntEpData;

bool g_ready;

// The lock is a toggle; it may have been opened before.
__attribute__((noinline)) void WriteLocked(Register reg, uint32_t value) {
  const bool locked = errata::kLock.read() == 0;
  if (locked) errata::kLock.write(errata::kKey);
  reg.write(value);
  if (locked) errata::kLock.write(errata::kKey);
}

// Errata 187 and 171: the transceiver must be held awake while the peripheral starts.
void HoldAwake() {
  WriteLocked(errata::kUsb187, 3);
  WriteLocked(errata::kUsb171, 0xC0);
}

void LetSleep() {
  WriteLocked(errata::kUsb171, 0);
  WriteLocked(errata::kUsb187, 0);
}

// Events may be left over from the bootloader, or from before the cable was pulled.
void SwitchOn() {
  for (uint32_t n = 0; n < usbd::kEvents; ++n) Nth(usbd::kFirstEvent, n).write(0);
  usbd::kEventCause.write(usbd::kCauseReady);
  HoldAwake();
  usbd::kIntenSet.write(kInterrupts);
  usbd::kEnable.write(1);
}

void SwitchOff() {
  usbd::kPullUp.write(0);
  usbd::kIntenClear.write(0xFFFFFFFF);
  ResetUsb();
  usbd::kEnable.write(0);
  LetSleep();
  g_ready = false;
}

bool CanConnect() {
  return g_ready && power::kUsbRegStatus.has(power::kUsbOutputReady) &&
         clock::kHfclkStat.has(clock::kHfxoRunning);
}

}  // namespace

void OnUsbReady() {
  LetSleep();
  errata::kUsb166a.write(0x7E3);
  errata::kUsb166b.write(0x40);
  g_ready = true;
}

// A short loss of VBUS leaves USBD enabled and without its state: only the event tells of it.
bool FollowUsbPower() {
  const bool unplugged = power::kEventUsbRemoved.read() != 0;
  clock::kEventHfclkStarted.write(0);
  power::kEventUsbDetected.write(0);
  power::kEventUsbRemoved.write(0);
  power::kEventUsbPowerReady.write(0);
  const bool plugged = power::kUsbRegStatus.has(power::kVbusDetected);
  if (usbd::kEnable.read() != 0 && (unplugged || !plugged)) SwitchOff();
  if (usbd::kEnable.read() == 0 && plugged) SwitchOn();
  if (CanConnect()) usbd::kPullUp.write(1);
  return plugged;
}

void StartUsbPower() {
  power::kIntenSet.write(power::kIntUsb | clock::kIntHfclkStarted);
  FollowUsbPower();  // the cable may have been in all along
}

}  // namespace nrf52840
}  // namespace tinydeploy
