#ifndef TINYDEPLOY_CHIPS_APOLLO3_PADS_H_
#define TINYDEPLOY_CHIPS_APOLLO3_PADS_H_

#include <stdint.h>

namespace tinydeploy {
namespace apollo3 {

// Writes a pin's byte of its PAD register: function, input, pull
// (docs/boards/sparkfun_edge.md, 2.1).
void SetPad(uint32_t pin, uint32_t value);

}  // namespace apollo3
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_APOLLO3_PADS_H_
