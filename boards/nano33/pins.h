// Pins of the Nano 33 BLE (fact sheet nano33, section 3): 32 * port + pin.
#ifndef TINYDEPLOY_BOARDS_NANO33_PINS_H_
#define TINYDEPLOY_BOARDS_NANO33_PINS_H_

#include <stdint.h>

namespace tinydeploy {
namespace nano33 {

constexpr uint32_t kOrangeLed = 13;     // active high
constexpr uint32_t kRedLed = 24;        // active low
constexpr uint32_t kPowerLed = 32 + 9;  // active high
constexpr uint32_t kUartTx = 32 + 3;    // header "TX1"
constexpr uint32_t kUartRx = 32 + 10;   // header "RX0"

}  // namespace nano33
}  // namespace tinydeploy

#endif  // TINYDEPLOY_BOARDS_NANO33_PINS_H_
