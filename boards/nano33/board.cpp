// Arduino Nano 33 BLE and BLE Sense. The link (link.cpp) is the USB port, or UARTE0 on the header's
// TX1 and RX0, or both.
#include "board.h"

#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/memory_use.h"
#include "chips/cortex_m4/model_flash.h"
#include "chips/nrf52840/chip.h"
#include "chips/nrf52840/flash.h"
#include "link.h"
#include "pins.h"

namespace tinydeploy {
namespace board {
void Init() {
  nrf52840::StartClocks();
  nrf52840::MakeOutput(nano33::kPowerLed, true);
  nrf52840::MakeOutput(nano33::kOrangeLed, false);
  nrf52840::MakeOutput(nano33::kRedLed, true);  // off
}

const char* Name() { return "nano33"; }
uint32_t CpuHz() { return nrf52840::kCpuHz; }
uint32_t Cycles() { return core::kDwtCycles.read(); }
bool CyclesAreCpuCycles() { return true; }

void StartLink() { nano33::StartLink(); }

void SetBusyLed(bool on) { nrf52840::SetPin(nano33::kOrangeLed, on); }
void SetFaultLed(bool on) { nrf52840::SetPin(nano33::kRedLed, !on); }

void UniqueId(uint8_t id[8]) { nrf52840::UniqueId(id); }
uint32_t ResetReason() { return nrf52840::ResetReason(); }

void Restart() {
  nano33::DrainLink();
  nrf52840::Restart();
}

bool HasBootloaderEntry() { return true; }

void EnterBootloader() {
  nano33::DrainLink();
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
