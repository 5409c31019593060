// What the Apollo3 Blue offers to a board.
#ifndef TINYDEPLOY_CHIPS_APOLLO3_CHIP_H_
#define TINYDEPLOY_CHIPS_APOLLO3_CHIP_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {
namespace apollo3 {

constexpr uint32_t kCpuHz = 48000000;

// 48 MHz, cache, flash timing, cycle counter; notes the reset reason.
void StartClocks();
uint32_t ResetReason();
void UniqueId(uint8_t id[8]);

void MakeOutput(uint32_t pin, bool high);
void SetPin(uint32_t pin, bool high);

[[noreturn]] void Restart();

// UART0, 8N1, on pads whose function 0 it is.
struct UartPins {
  uint32_t tx;
  uint32_t rx;
};
void UartStart(const UartPins& pins, uint32_t baud);
size_t UartRead(uint8_t* data, size_t capacity);
void UartWrite(const uint8_t* data, size_t bytes);
void UartDrain();  // waits until the last bit has left
void UartIdle();   // sleeps until something arrives
uint32_t UartOverruns();

}  // namespace apollo3
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_APOLLO3_CHIP_H_
