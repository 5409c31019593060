// The Nano 33 BLE under the Arduino framework, for the build against upstream's TensorFlow Lite
// Micro
// ([env:nano33_arduino]). The link runs over the core's USB serial port.
#include "board.h"

#include <Arduino.h>
#include <string.h>

namespace tinydeploy {
namespace board {
namespace {

constexpr uint8_t kStayInBootloader = 0xB0;  // as in the core's own variant.cpp
uint32_t g_reset_reason;

void StartCycleCounter() {
  CoreDebug->DEMCR |= CoreDebug_DEMCR_TRCENA_Msk;
  DWT->CYCCNT = 0;
  DWT->CTRL |= DWT_CTRL_CYCCNTENA_Msk;
}

}  // namespace

void Init() {
  g_reset_reason = NRF_POWER->RESETREAS;
  Serial.begin(115200);  // the rate means nothing on USB
  pinMode(LED_BUILTIN, OUTPUT);
  pinMode(LEDR, OUTPUT);
  SetBusyLed(false);
  SetFaultLed(false);
  StartCycleCounter();
}

const char* Name() { return "nano33_arduino"; }
uint32_t CpuHz() { return SystemCoreClock; }
uint32_t Cycles() { return DWT->CYCCNT; }
bool CyclesAreCpuCycles() { return true; }

size_t Read(uint8_t* data, size_t capacity) {
  size_t count = 0;
  while (count < capacity && Serial.available() > 0) {
    data[count++] = static_cast<uint8_t>(Serial.read());
  }
  return count;
}

// Gives up when nobody listens: the host will ask again.
void Write(const uint8_t* data, size_t bytes) {
  while (bytes != 0) {
    const size_t sent = Serial.write(data, bytes);
    if (sent == 0) return;
    data += sent;
    bytes -= sent;
  }
}

void Idle() { yield(); }
uint32_t Overruns() { return 0; }
void StartLink() {}
void RecoverLink() {}

void SetBusyLed(bool on) { digitalWrite(LED_BUILTIN, on ? HIGH : LOW); }
void SetFaultLed(bool on) { digitalWrite(LEDR, on ? LOW : HIGH); }

void UniqueId(uint8_t id[8]) {
  const uint32_t words[2] = {NRF_FICR->DEVICEADDR[0], NRF_FICR->DEVICEADDR[1]};
  memcpy(id, words, sizeof(words));
}

uint32_t ResetReason() { return g_reset_reason; }

void Restart() {
  Serial.flush();
  NVIC_SystemReset();
  for (;;) {
  }
}

bool HasBootloaderEntry() { return true; }

void EnterBootloader() {
  NRF_POWER->GPREGRET = kStayInBootloader;
  Restart();
}

MemoryUse Memory() { return {0, 0, 0}; }

}  // namespace board
}  // namespace tinydeploy
