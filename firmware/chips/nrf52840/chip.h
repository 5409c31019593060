// What the nRF52840 offers to a board.
#ifndef TINYDEPLOY_CHIPS_NRF52840_CHIP_H_
#define TINYDEPLOY_CHIPS_NRF52840_CHIP_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {
namespace nrf52840 {

constexpr uint32_t kCpuHz = 64000000;

// Crystal oscillator, cache, DC/DC converter, errata, cycle counter; notes the reset reason.
void StartClocks();
uint32_t ResetReason();
void UniqueId(uint8_t id[8]);

void MakeOutput(uint32_t pin, bool high);
void SetPin(uint32_t pin, bool high);

[[noreturn]] void Restart();
// With the mark in the retained register that makes the board's bootloader stay.
[[noreturn]] void RestartIntoBootloader();

// Value of the baud rate register (docs/boards/nano33.md, 4), 0 for a rate it does not have.
constexpr uint32_t BaudRegister(uint32_t baud) {
  return baud == 115200    ? 0x01D60000
         : baud == 230400  ? 0x03B00000
         : baud == 460800  ? 0x07400000
         : baud == 921600  ? 0x0F000000
         : baud == 1000000 ? 0x10000000
                           : 0;
}

// UARTE0, 8N1. Pins count through both ports: 32 * port + pin.
struct UartPins {
  uint32_t tx;
  uint32_t rx;
};
void UartStart(const UartPins& pins, uint32_t baud_register);
// Ends reception and transmission, a bootloader's too. Uses no RAM but the stack.
void UartStop();
bool UartHasInput();
size_t UartRead(uint8_t* data, size_t capacity);
void UartWrite(const uint8_t* data, size_t bytes);
uint32_t UartOverruns();

// A serial port over USB, for whenever a cable is in. Its interrupts are UsbHandler's.
void UsbStart();
bool UsbHasInput();
size_t UsbRead(uint8_t* data, size_t capacity);
// Drops what has no listener: no cable, suspended, the port not open, or open but not read.
void UsbWrite(const uint8_t* data, size_t bytes);
void UsbDrain();  // waits until the host has what was written

}  // namespace nrf52840
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_NRF52840_CHIP_H_
