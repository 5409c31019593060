// A board with an Apollo3, as its JSON describes it (board_config.h). The link is UART0.
#include "board.h"

#include "board_config.h"
#include "chips/apollo3/chip.h"
#include "chips/apollo3/flash.h"
#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/memory_use.h"
#include "chips/cortex_m4/model_flash.h"

namespace tinydeploy {
namespace board {
namespace {

constexpr apollo3::UartPins kUartPins = {config::kUartTx, config::kUartRx};

void StartLed(const Led& led, bool on) {
  if (IsThere(led)) apollo3::MakeOutput(led.pin, Level(led, on));
}

void SetLed(const Led& led, bool on) {
  if (IsThere(led)) apollo3::SetPin(led.pin, Level(led, on));
}

}  // namespace

void Init() {
  apollo3::StartClocks();
  StartLed(config::kPowerLed, true);
  StartLed(config::kBusyLed, false);
  StartLed(config::kFaultLed, false);
}

const char* Name() { return config::kName; }
uint32_t CpuHz() { return apollo3::kCpuHz; }
uint32_t Cycles() { return core::kDwtCycles.read(); }
bool CyclesAreCpuCycles() { return true; }

size_t Read(uint8_t* data, size_t capacity) { return apollo3::UartRead(data, capacity); }
void Write(const uint8_t* data, size_t bytes) { apollo3::UartWrite(data, bytes); }
void Idle() { apollo3::UartIdle(); }
uint32_t Overruns() { return apollo3::UartOverruns(); }
void StartLink() { apollo3::UartStart(kUartPins, TINYDEPLOY_BAUD); }
void RecoverLink() { StartLink(); }

void SetBusyLed(bool on) { SetLed(config::kBusyLed, on); }
void SetFaultLed(bool on) { SetLed(config::kFaultLed, on); }

void UniqueId(uint8_t id[8]) { apollo3::UniqueId(id); }
uint32_t ResetReason() { return apollo3::ResetReason(); }

void Restart() {
  apollo3::UartDrain();
  apollo3::Restart();
}

// The secure bootloader looks at a pin or waits for its time-out; software cannot ask for it.
bool HasBootloaderEntry() { return false; }
void EnterBootloader() { Restart(); }

ModelFlash Models() { return LinkedModelFlash(apollo3::kFlashPageBytes); }
void EraseModelPage(const uint8_t* page) { apollo3::FlashErase(page); }
void WriteModelWords(const uint8_t* at, const uint32_t* words, size_t count) {
  apollo3::FlashWrite(at, words, count);
}

MemoryUse Memory() { return LinkedMemoryUse(); }

}  // namespace board
}  // namespace tinydeploy
