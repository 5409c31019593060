#ifndef TINYDEPLOY_CHIPS_NRF52840_LINK_H_
#define TINYDEPLOY_CHIPS_NRF52840_LINK_H_

namespace tinydeploy {
namespace nrf52840 {

void StartLink();
void DrainLink();  // waits until what was written is out

}  // namespace nrf52840
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_NRF52840_LINK_H_
