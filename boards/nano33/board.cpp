// Arduino Nano 33 BLE and BLE Sense: the link is UARTE0 on the header's TX1 and RX0.
#include "board.h"

#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/memory_use.h"
#include "chips/nrf52840/chip.h"
#include "pins.h"

namespace tinydeploy {
namespace board {
namespace {

constexpr nrf52840::UartPins kUartPins = {nano33::kUartTx, nano33::kUartRx};
// 1 Mbaud is exact, where 921600 is 1.7 % fast (0x0F000000 * 16 MHz / 2^32 = 937500).
constexpr uint32_t kBaudRegister = nrf52840::BaudRegister(TINYDEPLOY_BAUD);
static_assert(kBaudRegister != 0, "boards/nano33.json names a baud rate that the UARTE has not");

}  // namespace

void Init() {
  nrf52840::StartClocks();
  nrf52840::MakeOutput(nano33::kPowerLed, true);
  nrf52840::MakeOutput(nano33::kOrangeLed, false);
  nrf52840::MakeOutput(nano33::kRedLed, true);  // off
  nrf52840::UartStart(kUartPins, kBaudRegister);
}

const char* Name() { return "nano33"; }
uint32_t CpuHz() { return nrf52840::kCpuHz; }
uint32_t Cycles() { return core::kDwtCycles.read(); }
bool CyclesAreCpuCycles() { return true; }

size_t Read(uint8_t* data, size_t capacity) { return nrf52840::UartRead(data, capacity); }
void Write(const uint8_t* data, size_t bytes) { nrf52840::UartWrite(data, bytes); }
void Idle() { nrf52840::UartIdle(); }
uint32_t Overruns() { return nrf52840::UartOverruns(); }
void RecoverLink() { nrf52840::UartStart(kUartPins, kBaudRegister); }

void SetBusyLed(bool on) { nrf52840::SetPin(nano33::kOrangeLed, on); }
void SetFaultLed(bool on) { nrf52840::SetPin(nano33::kRedLed, !on); }

void UniqueId(uint8_t id[8]) { nrf52840::UniqueId(id); }
uint32_t ResetReason() { return nrf52840::ResetReason(); }

void Restart() { nrf52840::Restart(); }
bool HasBootloaderEntry() { return true; }
void EnterBootloader() { nrf52840::RestartIntoBootloader(); }

MemoryUse Memory() { return LinkedMemoryUse(); }

}  // namespace board
}  // namespace tinydeploy
