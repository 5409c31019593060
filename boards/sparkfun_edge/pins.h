// Pins of the SparkFun Edge, first version (fact sheet sparkfun_edge, section 2.2).
#ifndef TINYDEPLOY_BOARDS_SPARKFUN_EDGE_PINS_H_
#define TINYDEPLOY_BOARDS_SPARKFUN_EDGE_PINS_H_

#include <stdint.h>

namespace tinydeploy {
namespace sparkfun_edge {

// LEDs are active high.
constexpr uint32_t kRedLed = 46;
constexpr uint32_t kBlueLed = 37;
constexpr uint32_t kGreenLed = 44;
constexpr uint32_t kYellowLed = 47;
constexpr uint32_t kUartTx = 48;
constexpr uint32_t kUartRx = 49;

}  // namespace sparkfun_edge
}  // namespace tinydeploy

#endif  // TINYDEPLOY_BOARDS_SPARKFUN_EDGE_PINS_H_
