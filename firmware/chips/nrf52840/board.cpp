// A board with an nRF52840, as its JSON describes it (board_config.h). The link (link.cpp) is the
// USB port, or UARTE0, or both.
#include "board.h"

#include "board_config.h"
#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/memory_use.h"
#include "chips/cortex_m4/model_flash.h"
#include "chips/nrf52840/chip.h"
#include "chips/nrf52840/flash.h"
#include "chips/nrf52840/link.h"

namespace tinydeploy {
namespace board {
namespace {

void StartLed(const Led& led, bool on) {
  if (IsThere(led)) nrf52840::MakeOutput(led.pin, Level(led, on));
}

void SetLed(const Led& led, bool on) {
  if (IsThere(led)) nrf52840::SetPin(led.pin, Level(led, on));
}

}  // namespace

void Init() {
  nrf52840::StartClocks();
  StartLed(config::kPowerLed, true);
  StartLed(config::kBusyLed, false);
  StartLed(config::kFaultLed, false);
}

const char* Name() { return config::kName; }
uint32_t CpuHz() { return nrf52840::kCpuHz; }
uint32_t Cycles() { return core::kDwtCycles.read(); }
bool CyclesAreCpuCycles() { return true; }

void StartLink() { nrf52840::StartLink(); }

void SetBusyLed(bool on) { SetLed(config::kBusyLed, on); }
void SetFaultLed(bool on) { SetLed(config::kFaultLed, on); }

void UniqueId(uint8_t id[8]) { nrf52840::UniqueId(id); }
uint32_t ResetReason() { return nrf52840::ResetReason(); }

void Restart() {
  nrf52840::DrainLink();
  nrf52840::Restart();
}

bool HasBootloaderEntry() { return config::kStayInBootloader != 0; }

void EnterBootloader() {
  nrf52840::DrainLink();
  nrf52840::RestartIntoBootloader();
}

ModelFlash Models() { return LinkedModelFlash(nrf52840::kFlashPageBytes); }
void EraseModelPage(const uint8_t* page) { nrf52840::FlashErase(page); }
void WriteModelWords(const uint8_t* at, const uint32_t* words, size_t count) {
  nrf52840::FlashWrite(at, words, count);
}

MemoryUse Memory() { return LinkedMemoryUse(); }

}  // namespace board
}  // namespace tinydeploy
