#include "chips/nrf52840/chip.h"

#include <string.h>

#include "board_config.h"
#include "chips/cortex_m4/core.h"
#include "chips/cortex_m4/startup.h"
#include "chips/nrf52840/registers.h"

namespace tinydeploy {
namespace nrf52840 {
namespace {

uint32_t g_reset_reason;

// The RC oscillator is good for about 1 %, too little for 1 Mbaud over a cheap adapter; the crystal
// starts in under a millisecond. Goes on without it rather than never starting.
void StartCrystal() {
  clock::kEventHfclkStarted.write(0);
  clock::kTaskHfclkStart.write(1);
  for (int i = 0; i < 100000 && !clock::kHfclkStat.has(clock::kHfxoRunning); ++i) {
  }
}

// Errata that Nordic's SystemInit handles on production silicon (docs/boards/nano33.md, 1).
void WorkAroundErrata() {
  clock::kEventDone.write(0);  // 36: these come up set
  clock::kEventCtto.write(0);
  clock::kCtiv.write(0);
  if (ficr::kRevision.read() >= approtect::kFirstHardenedRevision) {
    approtect::kDisable.write(approtect::kOpen);  // 249: or a probe is locked out
  }
}

// 136: after a pin reset the other bits may be set too.
void NoteResetReason() {
  const uint32_t reason = power::kResetReason.read();
  power::kResetReason.write(reason);
  g_reset_reason = (reason & power::kResetPin) != 0 ? power::kResetPin : reason;
}

}  // namespace

void StartClocks() {
  NoteResetReason();
  WorkAroundErrata();
  clock::kTraceConfig.write(0);  // SWO would take P1.00, the I2C pull-ups' supply
  if (config::kDcdc) power::kDcdcEnable.write(1);
  nvmc::kIcacheConfig.write(1);
  StartCrystal();
  StartCycleCounter();
}

uint32_t ResetReason() { return g_reset_reason; }

// What the board's bootloader makes its USB serial number of, so that it is the same in both.
void UniqueId(uint8_t id[8]) {
  constexpr bool kDeviceId = config::kUniqueIdIsDeviceId;
  const uint32_t words[2] = {(kDeviceId ? ficr::kDeviceId0 : ficr::kDeviceAddress0).read(),
                             (kDeviceId ? ficr::kDeviceId1 : ficr::kDeviceAddress1).read()};
  memcpy(id, words, sizeof(words));
}

void MakeOutput(uint32_t pin, bool high) {
  SetPin(pin, high);
  gpio::Config(pin).write(gpio::kOutput);
}

void SetPin(uint32_t pin, bool high) {
  (high ? gpio::OutSet(pin) : gpio::OutClear(pin)).write(gpio::Bit(pin));
}

void Restart() {
  core::CpsidI();
  core::Dsb();
  core::kAircr.write(core::kAircrSystemReset);
  core::Dsb();
  for (;;) {
  }
}

void RestartIntoBootloader() {
  core::CpsidI();
  power::kGpregret.write(config::kStayInBootloader);
  Restart();
}

}  // namespace nrf52840
}  // namespace tinydeploy
