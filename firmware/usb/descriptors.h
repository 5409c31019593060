// What the host reads to know the device (USB 2.0, section 9.6; CDC 1.2, section 5.2.3). Numbers of
// more than a byte are little-endian.
#ifndef TINYDEPLOY_USB_DESCRIPTORS_H_
#define TINYDEPLOY_USB_DESCRIPTORS_H_

#include "usb/cdc_acm.h"
#include "usb_id.h"

namespace tinydeploy {
namespace usb {

constexpr uint16_t kReleaseBcd = 0x0100;
constexpr char kManufacturer[] = "tinydeploy";

constexpr uint8_t Low(uint16_t value) { return static_cast<uint8_t>(value); }
constexpr uint8_t High(uint16_t value) { return static_cast<uint8_t>(value >> 8); }

enum DescriptorType : uint8_t { kDeviceType = 1, kConfigurationType = 2, kStringType = 3 };
enum StringIndex : uint8_t { kLanguages, kManufacturerText, kProductText, kSerialText };

// Class "miscellaneous" says that an association groups the interfaces.
constexpr uint8_t kDeviceDescriptor[] = {
    18,
    kDeviceType,
    0x00,
    0x02,  // USB 2.0
    0xEF,
    0x02,
    0x01,          // class, subclass, protocol
    kPacketBytes,  // of the control endpoint
    Low(kVendorId),
    High(kVendorId),
    Low(kProductId),
    High(kProductId),
    Low(kReleaseBcd),
    High(kReleaseBcd),
    kManufacturerText,
    kProductText,
    kSerialText,
    1,  // configuration
};

constexpr uint8_t kConfigurationBytes = 75;
constexpr uint8_t kConfigurationDescriptor[] = {
    // Configuration 1 of two interfaces: bus-powered, 100 mA.
    9,
    kConfigurationType,
    kConfigurationBytes,
    0,
    2,
    1,
    0,
    0x80,
    100 / 2,
    // Association: interfaces 0 and 1 are one function, CDC-ACM.
    8,
    11,
    0,
    2,
    0x02,
    0x02,
    0x00,
    0,
    // Interface 0: control, one endpoint.
    9,
    4,
    0,
    0,
    1,
    0x02,
    0x02,
    0x00,
    0,
    5,
    0x24,
    0x00,
    0x10,
    0x01,  // CDC 1.10
    5,
    0x24,
    0x01,
    0x00,
    1,  // no call management; data are on interface 1
    4,
    0x24,
    0x02,
    0x06,  // ACM: line coding, line state, break
    5,
    0x24,
    0x06,
    0,
    1,  // union: 0 controls 1
    7,
    5,
    kNotificationIn,
    3,
    16,
    0,
    16,  // interrupt, 16 bytes, each 16 ms
    // Interface 1: data, two endpoints.
    9,
    4,
    1,
    0,
    2,
    0x0A,
    0x00,
    0x00,
    0,
    7,
    5,
    kDataOut,
    2,
    kPacketBytes,
    0,
    0,  // bulk
    7,
    5,
    kDataIn,
    2,
    kPacketBytes,
    0,
    0,
};
static_assert(sizeof(kDeviceDescriptor) == 18 && sizeof(kConfigurationDescriptor) == 75);
static_assert(kConfigurationBytes % kPacketBytes != 0, "or an empty packet would have to end it");

}  // namespace usb
}  // namespace tinydeploy

#endif  // TINYDEPLOY_USB_DESCRIPTORS_H_
