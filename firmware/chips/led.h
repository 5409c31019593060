// An LED of a board, on a pin as the chip numbers them.
#ifndef TINYDEPLOY_CHIPS_LED_H_
#define TINYDEPLOY_CHIPS_LED_H_

#include <stdint.h>

namespace tinydeploy {

struct Led {
  uint32_t pin;
  bool active_low;
};

constexpr Led kNoLed = {0xFFFFFFFF, false};

constexpr bool IsThere(const Led& led) { return led.pin != kNoLed.pin; }
constexpr bool Level(const Led& led, bool on) { return on != led.active_low; }

}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_LED_H_
