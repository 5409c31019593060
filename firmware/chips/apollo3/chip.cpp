#include "chips/apollo3/chip.h"

#include <string.h>

#include "chips/apollo3/pads.h"
#include "chips/apollo3/registers.h"
#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/mpu.h"
#include "chips/cortex_m4/startup.h"

namespace tinydeploy {
namespace apollo3 {
namespace {

void Use48Mhz() {
  clkgen::kKey.write(clkgen::kUnlock);
  clkgen::kCoreClock.write(clkgen::k48Mhz);
  clkgen::kKey.write(0);
}

// Flash timing changes through the boot ROM: execution from flash meanwhile is the hazard.
void SetFlashTiming() {
  using WriteWord = void (*)(uint32_t address, uint32_t value);
  core::InterruptLock lock;
  Unprotected rom;
  reinterpret_cast<WriteWord>(rom::kWriteWord)(cache::kFlashConfig, cache::kFlashTiming);
}

// The HAL's order: both sides off, the configuration while disabled, then on
// (docs/boards/sparkfun_edge.md, 1.4).
void StartCache() {
  constexpr uint32_t kSettings =
      cache::kGeometry | cache::kInstructions | cache::kData | cache::kClockGates;
  cache::kConfig.clear(cache::kInstructions | cache::kData);
  cache::kConfig.write(kSettings);
  cache::kConfig.write(kSettings | cache::kEnable);
}

// Changes `bits` wide fields of pad registers, which a key protects.
void Replace(const Register& reg, uint32_t shift, uint32_t mask, uint32_t value) {
  gpio::kPadKey.write(gpio::kUnlock);
  reg.write((reg.read() & ~(mask << shift)) | (value << shift));
  gpio::kPadKey.write(0);
}

}  // namespace

void SetPad(uint32_t pin, uint32_t value) {
  Replace(gpio::Pad(pin), gpio::PadShift(pin), 0xFF, value);
}

void StartClocks() {
  Use48Mhz();
  SetFlashTiming();
  StartCache();
  StartCycleCounter();
}

uint32_t ResetReason() { return reset::kStatus.read(); }

void UniqueId(uint8_t id[8]) {
  const uint32_t words[2] = {mcuctrl::kChipId0.read(), mcuctrl::kChipRevision.read()};
  memcpy(id, words, sizeof(words));
}

void MakeOutput(uint32_t pin, bool high) {
  SetPin(pin, high);
  SetPad(pin, gpio::PadFunction(gpio::kFunctionGpio));
  Replace(gpio::Config(pin), gpio::ConfigShift(pin), 0xF, gpio::kConfigPushPull);
}

void SetPin(uint32_t pin, bool high) {
  (high ? gpio::OutSet(pin) : gpio::OutClear(pin)).write(1u << (pin % 32));
}

void Restart() {
  core::CpsidI();
  core::Dsb();
  core::kAircr.write(core::kAircrSystemReset);
  core::Dsb();
  for (;;) {
  }
}

}  // namespace apollo3
}  // namespace tinydeploy
