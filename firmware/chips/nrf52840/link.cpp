// The link runs over USB and the UART alike, whichever speaks: answers and log lines go where the
// last byte came from. A build may leave one of them out (TINYDEPLOY_LINK_USB, _UART), and a bare
// firmware leaves out both.
#include "chips/nrf52840/link.h"

#include "board.h"
#include "board_config.h"
#include "chips/cortex_m4/core.h"
#include "chips/nrf52840/chip.h"

namespace tinydeploy {
namespace {

constexpr bool kUsb = TINYDEPLOY_LINK_USB;
constexpr bool kUart = TINYDEPLOY_LINK_UART;

constexpr nrf52840::UartPins kUartPins = {config::kUartTx, config::kUartRx};
// 1 Mbaud is exact, where 921600 is 1.7 % fast (0x0F000000 * 16 MHz / 2^32 = 937500).
constexpr uint32_t kBaudRegister = nrf52840::BaudRegister(TINYDEPLOY_BAUD);
static_assert(kBaudRegister != 0, "the board's JSON names a baud rate that the UARTE has not");

bool g_over_usb;  // where the link has both

bool OverUsb() { return kUsb && (!kUart || g_over_usb); }

bool UsbSpeaks() { return kUsb && nrf52840::UsbHasInput(); }
bool UartSpeaks() { return kUart && nrf52840::UartHasInput(); }

// A delimiter ends what the one that fell silent had begun.
size_t Switch(uint8_t* data) {
  if (!kUsb || !kUart || !(g_over_usb ? UartSpeaks() : UsbSpeaks())) return 0;
  g_over_usb = !g_over_usb;
  *data = 0;
  return 1;
}

}  // namespace

namespace nrf52840 {

void StartLink() {
  if (kUart) UartStart(kUartPins, kBaudRegister);
  if (kUsb) UsbStart();
}

void DrainLink() {
  if (kUsb) UsbDrain();
}

}  // namespace nrf52840

namespace board {

size_t Read(uint8_t* data, size_t capacity) {
  const size_t count =
      OverUsb() ? nrf52840::UsbRead(data, capacity) : nrf52840::UartRead(data, capacity);
  return count != 0 || capacity == 0 ? count : Switch(data);
}

void Write(const uint8_t* data, size_t bytes) {
  OverUsb() ? nrf52840::UsbWrite(data, bytes) : nrf52840::UartWrite(data, bytes);
}

// An interrupt that is pending ends WFI even while blocked, so none can slip in between the look
// and the sleep.
void Idle() {
  core::InterruptLock lock;
  if (UsbSpeaks() || UartSpeaks()) return;
  core::Dsb();
  core::Wfi();
}

uint32_t Overruns() { return kUart ? nrf52840::UartOverruns() : 0; }

// USB goes on as it is: its state is the host's too, which would have to enumerate the board again.
void RecoverLink() {
  if (kUart) nrf52840::UartStart(kUartPins, kBaudRegister);
}

}  // namespace board

}  // namespace tinydeploy
