// Who the board is on USB (fact sheet nano33, section 7).
#ifndef TINYDEPLOY_BOARDS_NANO33_USB_ID_H_
#define TINYDEPLOY_BOARDS_NANO33_USB_ID_H_

#include <stdint.h>

namespace tinydeploy {
namespace usb {

// Arduino's ids, of Arduino's board: operating systems, udev rules and flash tools know them, and
// the bootloader behind our firmware has the neighbouring one (005A).
constexpr uint16_t kVendorId = 0x2341;
constexpr uint16_t kProductId = 0x805A;
constexpr uint16_t kReleaseBcd = 0x0100;

constexpr char kManufacturer[] = "tinydeploy";
#ifdef TINYDEPLOY_MLPERF
constexpr char kProduct[] = "Nano 33 BLE tinydeploy MLPerf";
#else
constexpr char kProduct[] = "Nano 33 BLE tinydeploy";
#endif

}  // namespace usb
}  // namespace tinydeploy

#endif  // TINYDEPLOY_BOARDS_NANO33_USB_ID_H_
