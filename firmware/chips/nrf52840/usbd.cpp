// USBD: a serial port for USB, all in interrupts but for handing packets over to the program.
//
// Whatever happens, Service() looks at what there is and follows: nothing waits for the host, and
// unplugging or a bus reset at any moment only forgets what was under way. The peripheral can move
// one packet between an endpoint and RAM at a time (and while it does, may miss tokens: erratum
// 199). That takes microseconds, so Move() sees it through with interrupts blocked, and there never
// is a second one.
//
// The low-power mode for suspend is not used: leaving it is the least documented part of the
// peripheral.
#include <string.h>

#include "chips/cortex_m4/core.h"
#include "chips/nrf52840/chip.h"
#include "chips/nrf52840/registers.h"
#include "chips/nrf52840/usb_power.h"
#include "usb/cdc_acm.h"

namespace tinydeploy {
namespace nrf52840 {
namespace {

using usb::kDataEndpoint;
using usb::kPacketBytes;

constexpr usbd::Dma kControlIn = usbd::InDma(0);
constexpr usbd::Dma kControlOut = usbd::OutDma(0);
constexpr usbd::Dma kBulkIn = usbd::InDma(kDataEndpoint);
constexpr usbd::Dma kBulkOut = usbd::OutDma(kDataEndpoint);

// How long a host that has the port open may take nothing before it counts as deaf.
constexpr uint32_t kPatienceCycles = kCpuHz / 4;
// For the host to see the end of the request that makes us restart.
constexpr uint32_t kFarewellCycles = kCpuHz / 200;
constexpr uint32_t kControlEndpoint = 1;  // as bits of the enable registers
constexpr uint32_t kInEndpoints = 7;
constexpr uint32_t kOutEndpoints = 5;
constexpr int kLongestMove = 1000;  // looks; 64 bytes take some 50

uint8_t g_control[kPacketBytes];  // the peripheral reaches RAM only
uint8_t g_in[kPacketBytes];
uint8_t g_out[kPacketBytes];

// The control endpoint's data stage.
usb::Data g_data;  // what is left of it
bool g_receiving;

// To the host: one packet in the endpoint, and the next in g_in.
volatile uint8_t g_in_bytes;  // in g_in, not yet in the endpoint
volatile bool g_in_flight;    // the endpoint holds what the host has not fetched
bool g_end_due;               // the last packet was full: an empty one must follow if nothing does
volatile bool g_suspended;
volatile bool g_deaf;  // has not fetched for too long; until it does, nothing is written

// From the host: one packet in g_out, and the next in the endpoint, which refuses more.
uint8_t g_out_bytes;
uint8_t g_out_next;
volatile bool g_out_waiting;

bool Take(const Register& event) {
  if (event.read() == 0) return false;
  event.write(0);
  return true;
}

void Move(const usbd::Dma& dma, const uint8_t* packet, uint32_t bytes) {
  const Register end(usbd::kBase + dma.end);
  const uint32_t buffer = usbd::kBase + dma.buffer;
  Nth(buffer, 0).write(static_cast<uint32_t>(reinterpret_cast<uintptr_t>(packet)));
  Nth(buffer, 1).write(bytes);
  end.write(0);
  core::Dsb();
  errata::kUsb199.write(0x82);
  Register(usbd::kBase + dma.start).write(1);
  for (int i = 0; i < kLongestMove && end.read() == 0; ++i) {
  }
  end.write(0);
  errata::kUsb199.write(0);
  core::Dsb();
}

// ---- Control endpoint

void SendControl() {
  const uint16_t bytes = g_data.bytes < kPacketBytes ? g_data.bytes : kPacketBytes;
  memcpy(g_control, g_data.at, bytes);
  g_data.at += bytes;
  g_data.bytes = static_cast<uint16_t>(g_data.bytes - bytes);
  Move(kControlIn, g_control, bytes);
}

[[noreturn]] void ObeyTouch() {
  for (const uint32_t start = core::kDwtCycles.read();
       core::kDwtCycles.read() - start < kFarewellCycles;) {
  }
  RestartIntoBootloader();
}

void Follow(usb::Stage stage, uint16_t asked) {
  g_receiving = stage == usb::Stage::kReceive;
  if (g_data.bytes > asked) g_data.bytes = asked;
  if (stage == usb::Stage::kNothing) return;
  if (stage == usb::Stage::kSend && asked != 0) return SendControl();
  if (g_receiving) return usbd::kTaskEp0ReceiveOut.write(1);
  (stage == usb::Stage::kStall ? usbd::kTaskEp0Stall : usbd::kTaskEp0Status).write(1);
  if (stage == usb::Stage::kBootloader) ObeyTouch();
}

void OnSetup() {
  usbd::kEventEp0DataDone.write(0);  // if any, of the request that this one replaces
  g_suspended = false;
  usb::Setup setup;
  auto* const bytes = reinterpret_cast<uint8_t*>(&setup);
  for (uint32_t n = 0; n < sizeof(setup); ++n) {
    bytes[n] = static_cast<uint8_t>(usbd::SetupByte(n).read());
  }
  Follow(usb::TakeSetup(setup, &g_data), setup.length);
}

void TakeControl() {
  const uint32_t bytes = usbd::SizeOut(0).read();
  Move(kControlOut, g_control, bytes);
  g_receiving = false;
  const bool whole = bytes == g_data.bytes;
  g_data.bytes = 0;
  if (!whole) return usbd::kTaskEp0Stall.write(1);
  usb::TakeData(g_control);
  usbd::kTaskEp0Status.write(1);
}

// The host has fetched a packet of the data stage, or sent one.
void OnControlData() {
  if (g_receiving) return TakeControl();
  if (g_data.bytes != 0) return SendControl();
  usbd::kTaskEp0Status.write(1);
}

// ---- Data endpoints

// With interrupts blocked.
void PumpIn() {
  if (g_in_flight || (g_in_bytes == 0 && !g_end_due)) return;
  g_end_due = g_in_bytes == kPacketBytes;
  Move(kBulkIn, g_in, g_in_bytes);
  g_in_flight = true;
  g_in_bytes = 0;
}

void OnData() {
  const uint32_t status = usbd::kEpDataStatus.read();
  usbd::kEpDataStatus.write(status);
  g_suspended = false;
  if ((status & usbd::OutBit(kDataEndpoint)) != 0) g_out_waiting = true;
  if ((status & usbd::InBit(kDataEndpoint)) == 0) return;
  g_in_flight = false;
  g_deaf = false;
  PumpIn();
}

// ---- Bus

void ForgetTransfers() {
  g_in_bytes = 0;
  g_in_flight = false;
  g_end_due = false;
  g_out_waiting = false;
  g_suspended = false;
  g_deaf = false;
}

void OnBusReset() {
  usbd::kEventEp0DataDone.write(0);
  usbd::kEventEpData.write(0);
  usbd::kEpDataStatus.write(usbd::kEpDataStatus.read());
  ResetUsb();
}

void OnCause() {
  const uint32_t cause = usbd::kEventCause.read();
  usbd::kEventCause.write(cause);
  if ((cause & usbd::kCauseReady) != 0) OnUsbReady();
  if ((cause & usbd::kCauseSuspend) != 0) g_suspended = true;
  if ((cause & usbd::kCauseResume) != 0) g_suspended = false;
}

// Takes every event that is there. Blocks no interrupts itself: it runs in one, or they are.
void Service() {
  if (Take(usbd::kEventCauseChanged)) OnCause();
  if (!FollowUsbPower()) return;
  if (Take(usbd::kEventBusReset)) OnBusReset();
  if (Take(usbd::kEventEpData)) OnData();
  if (Take(usbd::kEventEp0Setup)) {
    OnSetup();
  } else if (Take(usbd::kEventEp0DataDone)) {
    OnControlData();
  }
  core::Dsb();  // the cleared events reach the interrupt line before we return
}

// Inside a fault no interrupt comes: look for ourselves.
void ServiceIfBlocked() {
  if (core::Primask() != 0) Service();
}

// ---- Program

bool HasListener() { return usb::IsOpen() && !g_suspended && !g_deaf; }

// Until the host has fetched what must be fetched first; false if there is no point in waiting.
bool AwaitHost(bool all) {
  const uint32_t start = core::kDwtCycles.read();
  while (g_in_bytes != 0 || (all && g_in_flight)) {
    if (!HasListener()) return false;
    if (core::kDwtCycles.read() - start > kPatienceCycles) g_deaf = true;
    ServiceIfBlocked();
  }
  return HasListener();
}

// The endpoint takes the next packet by itself when its last one has been moved.
void Fetch() {
  core::InterruptLock lock;
  if (!g_out_waiting) return;
  g_out_waiting = false;
  g_out_bytes = static_cast<uint8_t>(usbd::SizeOut(kDataEndpoint).read());
  g_out_next = 0;
  Move(kBulkOut, g_out, g_out_bytes);
}

}  // namespace

void UsbStart() {
  core::InterruptLock lock;
  StartUsbPower();
  core::EnableIrq(power::kIrq);
  core::EnableIrq(usbd::kIrq);
}

void ResetUsb() {
  usb::Forget();
  usb::UseEndpoints(false);
}

bool UsbHasInput() {
  ServiceIfBlocked();
  return g_out_next != g_out_bytes || g_out_waiting;
}

size_t UsbRead(uint8_t* data, size_t capacity) {
  ServiceIfBlocked();
  if (g_out_next == g_out_bytes) Fetch();
  size_t count = 0;
  while (count < capacity && g_out_next != g_out_bytes) data[count++] = g_out[g_out_next++];
  return count;
}

void UsbWrite(const uint8_t* data, size_t bytes) {
  while (bytes != 0 && AwaitHost(false)) {
    const size_t count = bytes < kPacketBytes ? bytes : kPacketBytes;
    memcpy(g_in, data, count);
    data += count;
    bytes -= count;
    core::InterruptLock lock;
    if (!usb::IsOpen()) return;  // since we looked
    g_in_bytes = static_cast<uint8_t>(count);
    PumpIn();
  }
}

void UsbDrain() { AwaitHost(true); }

}  // namespace nrf52840

namespace usb {

using namespace nrf52840;

// Switched off first, so that a packet of the time before is gone.
void UseEndpoints(bool use) {
  ForgetTransfers();
  usbd::kEpInEnable.write(kControlEndpoint);
  usbd::kEpOutEnable.write(kControlEndpoint);
  if (!use) return;
  usbd::kEpInEnable.write(kInEndpoints);
  usbd::kEpOutEnable.write(kOutEndpoints);
  SetHalt(kNotificationIn, false);
  SetHalt(kDataIn, false);
  SetHalt(kDataOut, false);
}

// An endpoint that is released restarts with data toggle 0. Writing its size is what lets an OUT
// endpoint accept packets; one that waits there is gone.
void SetHalt(uint8_t address, bool halt) {
  usbd::kEpStall.write(address | (halt ? usbd::kStall : 0));
  if (halt) return;
  usbd::kDataToggle.write(address);  // selects
  usbd::kDataToggle.write(address | usbd::kToggleData0);
  if (address != kDataOut) return;
  g_out_waiting = false;
  usbd::SizeOut(kDataEndpoint).write(0);
}

bool IsHalted(uint8_t address) {
  const uint32_t base = (address & kIn) != 0 ? usbd::kHaltedIn : usbd::kHaltedOut;
  return Nth(base, address & ~kIn).read() != 0;
}

}  // namespace usb
}  // namespace tinydeploy

// For USBD's interrupt and POWER's.
extern "C" void UsbHandler() { tinydeploy::nrf52840::Service(); }
