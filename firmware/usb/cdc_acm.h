// A USB serial port (CDC-ACM) as far as no chip has a say in it: descriptors, and the answers to
// requests at the control endpoint (USB 2.0, chapter 9; CDC PSTN subclass 1.2, section 6.3).
#ifndef TINYDEPLOY_USB_CDC_ACM_H_
#define TINYDEPLOY_USB_CDC_ACM_H_

#include <stdint.h>

namespace tinydeploy {
namespace usb {

constexpr uint8_t kPacketBytes = 64;
constexpr uint8_t kIn = 0x80;              // direction, in endpoint addresses and request types
constexpr uint8_t kNotificationIn = 0x81;  // there because CDC wants it; nothing to notify
constexpr uint8_t kDataEndpoint = 2;
constexpr uint8_t kDataIn = kIn | kDataEndpoint;
constexpr uint8_t kDataOut = kDataEndpoint;

// As it comes over the wire, on a little-endian CPU.
struct Setup {
  uint16_t request;  // type and number
  uint16_t value;
  uint16_t index;
  uint16_t length;
};
static_assert(sizeof(Setup) == 8);

// What follows the setup stage.
enum class Stage : uint8_t {
  kStall,      // the request is not understood
  kStatus,     // done, no data
  kSend,       // the data, or as much of them as was asked for
  kReceive,    // so many bytes, then TakeData()
  kNothing,    // the hardware does it all
  kBootloader  // kStatus, then restart into the bootloader
};
struct Data {
  const uint8_t* at;
  uint16_t bytes;
};

Stage TakeSetup(const Setup& setup, Data* data);
void TakeData(const uint8_t* data);  // of the last request

// The host has taken the bus to its state after power-up, or has gone.
void Forget();

bool IsOpen();  // configured, and a program holds the port open (DTR)

// Supplied by the chip.
void UseEndpoints(bool use);  // all but the control endpoint
void SetHalt(uint8_t endpoint_address, bool halt);
bool IsHalted(uint8_t endpoint_address);

}  // namespace usb
}  // namespace tinydeploy

#endif  // TINYDEPLOY_USB_CDC_ACM_H_
