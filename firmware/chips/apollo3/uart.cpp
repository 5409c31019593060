// UART0, a PL011 with 32-byte FIFOs (depth unconfirmed; nothing here depends on it): an interrupt
// at half full and after a pause moves what came into a ring, transmission waits for room.
#include "chips/apollo3/chip.h"
#include "chips/apollo3/pads.h"
#include "chips/apollo3/registers.h"
#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/ring.h"

namespace tinydeploy {
namespace apollo3 {
namespace {

constexpr uint32_t kInterrupts = uart0::kIntRx | uart0::kIntRxTimeout | uart0::kIntOverrun;

Ring<256> g_ring;
volatile bool g_stalled;  // the ring was full: UartRead goes on
volatile uint32_t g_overruns;

void Stall() {
  uart0::kIntEnable.write(0);
  g_stalled = true;
}

// While the ring is full the bytes stay in the FIFO, as long as there is room.
void Service() {
  uart0::kIntClear.write(kInterrupts);
  while (!uart0::kFlags.has(uart0::kFlagRxEmpty)) {
    if (g_ring.full()) return Stall();
    const uint32_t data = uart0::kData.read();
    if ((data & uart0::kDataOverrun) != 0) g_overruns = g_overruns + 1;
    g_ring.Push(static_cast<uint8_t>(data));
  }
}

void Resume() {
  core::InterruptLock lock;
  Service();
  if (!g_stalled) return;
  g_stalled = false;
  uart0::kIntEnable.write(kInterrupts);
}

// The bit waits for the whole domain to come up: touching the block before hangs the bus.
void PowerUp() {
  power::kDeviceEnable.set(power::kEnableUart0);
  while (!power::kDeviceStatus.has(power::kStatusUarts)) {
  }
}

void ConnectPads(const UartPins& pins) {
  SetPad(pins.tx, gpio::PadFunction(0));
  SetPad(pins.rx,
         gpio::PadFunction(0) | gpio::kPadInput | gpio::kPadPullUp);  // quiet when unplugged
}

// In 1/64 of the divider, as the fraction register counts: 24 MHz / (16 * baud) * 64.
constexpr uint32_t Divider(uint32_t baud) { return 24000000u * 4 / baud; }
static_assert(Divider(921600) == 1 * 64 + 40, "the table of docs/boards/sparkfun_edge.md, 3");
static_assert(Divider(115200) == 13 * 64 + 1, "the table of docs/boards/sparkfun_edge.md, 3");

// LCRH after the dividers: writing it makes them take effect.
void Configure(uint32_t baud) {
  uart0::kControl.write(0);
  uart0::kControl.write(uart0::kControlClock24Mhz);
  uart0::kDividerInteger.write(Divider(baud) / 64);
  uart0::kDividerFraction.write(Divider(baud) % 64);
  uart0::kFifoLevels.write(uart0::kRxHalfFull | uart0::kTxHalfFull);
  uart0::kLineControl.write(uart0::kLine8BitsFifo);
  uart0::kIntClear.write(uart0::kIntAll);
  uart0::kIntEnable.write(kInterrupts);
  uart0::kControl.write(uart0::kControlRun);
}

}  // namespace

void UartStart(const UartPins& pins, uint32_t baud) {
  core::DisableIrq(uart0::kIrq);
  PowerUp();
  ConnectPads(pins);
  Configure(baud);
  g_ring.Clear();
  g_stalled = false;
  core::ForgetIrq(uart0::kIrq);
  core::EnableIrq(uart0::kIrq);
}

size_t UartRead(uint8_t* data, size_t capacity) {
  const size_t taken = g_ring.Pop(data, capacity);
  if (taken != 0) return taken;
  Resume();  // inside a fault no interrupt comes: look for ourselves
  return g_ring.Pop(data, capacity);
}

void UartWrite(const uint8_t* data, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) {
    while (uart0::kFlags.has(uart0::kFlagTxFull)) {
    }
    uart0::kData.write(data[i]);
  }
}

void UartDrain() {
  while (uart0::kFlags.has(uart0::kFlagBusy)) {
  }
}

// An interrupt that is pending ends WFI even while blocked, so none can slip in between the look
// and the sleep.
void UartIdle() {
  core::InterruptLock lock;
  if (!g_ring.empty()) return;
  core::Dsb();
  core::Wfi();
}

uint32_t UartOverruns() { return g_overruns; }

}  // namespace apollo3
}  // namespace tinydeploy

extern "C" void Uart0Handler() {
  tinydeploy::apollo3::Service();
  tinydeploy::core::Dsb();  // the cleared status reaches the interrupt line before we return
}
