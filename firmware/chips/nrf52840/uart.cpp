// UARTE0: reception byte by byte into a ring, transmission by DMA with waiting.
//
// The receiver writes only into RAM, in buffers of a size that is stated beforehand, and says
// nothing while a buffer fills. A buffer of one byte tells of each byte at once. It is restarted
// by software and not by the ENDRX->STARTRX short: between the two the receiver's own FIFO (4 bytes
// at least, unconfirmed) takes what comes, so the interrupt may be late by 40 us at 1 Mbaud; with
// the short, a late interrupt would find its byte overwritten. Overruns are counted and the frame's
// checksum catches them. Renode's model, which has no shorts, runs this scheme too.
#include <string.h>

#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/ring.h"
#include "chips/nrf52840/chip.h"
#include "chips/nrf52840/registers.h"

namespace tinydeploy {
namespace nrf52840 {
namespace {

Ring<256> g_ring;
volatile uint8_t g_received;  // the receiver's buffer
volatile bool g_stalled;      // the ring was full: UartRead goes on
volatile uint32_t g_overruns;

void TakeErrors() {
  if (uarte0::kEventError.read() == 0) return;
  uarte0::kEventError.write(0);
  const uint32_t errors = uarte0::kErrorSource.read();
  uarte0::kErrorSource.write(errors);
  if ((errors & uarte0::kErrorOverrun) != 0) g_overruns = g_overruns + 1;
}

void Stall() {
  uarte0::kIntenClear.write(uarte0::kIntEndRx);
  g_stalled = true;
}

// Takes what the receiver has; more than one byte when some waited in its FIFO. While the ring is
// full the bytes stay there, as long as there is room.
void Service() {
  TakeErrors();
  while (uarte0::kEventEndRx.read() != 0) {
    if (g_ring.full()) return Stall();
    uarte0::kEventEndRx.write(0);
    const uint8_t byte = g_received;
    uarte0::kTaskStartRx.write(1);
    g_ring.Push(byte);
  }
}

void Resume() {
  core::InterruptLock lock;
  Service();
  if (!g_stalled) return;
  g_stalled = false;
  uarte0::kIntenSet.write(uarte0::kIntEndRx);
}

void Send(const uint8_t* data, size_t bytes) {
  uarte0::kEventEndTx.write(0);
  uarte0::kTxPointer.write(reinterpret_cast<uint32_t>(data));
  uarte0::kTxCount.write(static_cast<uint32_t>(bytes));
  core::Dsb();
  uarte0::kTaskStartTx.write(1);
  while (uarte0::kEventEndTx.read() == 0) {
  }
}

void ConnectPins(const UartPins& pins) {
  MakeOutput(pins.tx, true);                        // idle is high
  gpio::Config(pins.rx).write(gpio::kInputPullUp);  // quiet when nothing is plugged in
  uarte0::kPselTxd.write(pins.tx);
  uarte0::kPselRxd.write(pins.rx);
  uarte0::kPselRts.write(kDisconnected);
  uarte0::kPselCts.write(kDisconnected);
}

// Bounded, so that a peripheral in a state we do not know cannot keep the firmware from starting.
void Await(const Register& event) {
  for (int i = 0; i < 10000 && event.read() == 0; ++i) {
  }
}

}  // namespace

// The Nano's bootloader leaves one byte of reception armed: the next byte on the wire would be
// written into our RAM. The peripheral must stay on until the receiver has stopped.
void UartStop() {
  if (uarte0::kEnable.read() != uarte0::kOn) return;
  uarte0::kShorts.write(0);
  uarte0::kIntenClear.write(0xFFFFFFFF);
  uarte0::kEventRxTimeout.write(0);
  uarte0::kEventTxStopped.write(0);
  uarte0::kTaskStopRx.write(1);
  uarte0::kTaskStopTx.write(1);
  Await(uarte0::kEventRxTimeout);
  Await(uarte0::kEventTxStopped);
  uarte0::kEnable.write(0);
}

void UartStart(const UartPins& pins, uint32_t baud_register) {
  core::DisableIrq(uarte0::kIrq);
  UartStop();
  ConnectPins(pins);  // only while it is off
  uarte0::kBaudrate.write(baud_register);
  uarte0::kConfig.write(0);  // no parity, one stop bit, no flow control
  uarte0::kShorts.write(0);
  uarte0::kEventEndRx.write(0);
  uarte0::kEventError.write(0);
  g_ring.Clear();
  g_stalled = false;
  uarte0::kEnable.write(uarte0::kOn);
  uarte0::kRxPointer.write(reinterpret_cast<uint32_t>(&g_received));
  uarte0::kRxCount.write(1);
  uarte0::kIntenSet.write(uarte0::kIntEndRx | uarte0::kIntError);
  uarte0::kTaskStartRx.write(1);
  core::ForgetIrq(uarte0::kIrq);
  core::EnableIrq(uarte0::kIrq);
}

// Inside a fault no interrupt comes: look for ourselves.
bool UartHasInput() {
  if (g_ring.empty()) Resume();
  return !g_ring.empty();
}

size_t UartRead(uint8_t* data, size_t capacity) {
  return UartHasInput() ? g_ring.Pop(data, capacity) : 0;
}

// EasyDMA reads RAM only, and `data` may be in flash: all make a detour, short against their time
// on the wire.
void UartWrite(const uint8_t* data, size_t bytes) {
  uint8_t copy[64];
  while (bytes != 0) {
    const size_t count = bytes < sizeof(copy) ? bytes : sizeof(copy);
    memcpy(copy, data, count);
    Send(copy, count);
    data += count;
    bytes -= count;
  }
}

uint32_t UartOverruns() { return g_overruns; }

}  // namespace nrf52840
}  // namespace tinydeploy

extern "C" void Uarte0Handler() {
  tinydeploy::nrf52840::Service();
  tinydeploy::core::Dsb();  // the cleared event reaches the interrupt line before we return
}
