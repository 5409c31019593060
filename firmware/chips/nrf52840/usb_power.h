// USBD's supply: on with the cable, off without. Between usb_power.cpp and usbd.cpp; interrupts are
// blocked, or these run in one.
#ifndef TINYDEPLOY_CHIPS_NRF52840_USB_POWER_H_
#define TINYDEPLOY_CHIPS_NRF52840_USB_POWER_H_

namespace tinydeploy {
namespace nrf52840 {

void StartUsbPower();
bool FollowUsbPower();  // looks at what there is, and does the next step; whether USBD is on
void OnUsbReady();      // the peripheral has started

// Supplied by usbd.cpp: as after a bus reset.
void ResetUsb();

}  // namespace nrf52840
}  // namespace tinydeploy

#endif  // TINYDEPLOY_CHIPS_NRF52840_USB_POWER_H_
