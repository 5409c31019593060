#include "usb/cdc_acm.h"

#include <stddef.h>
#include <string.h>

#include "board.h"
#include "usb/descriptors.h"

namespace tinydeploy {
namespace usb {
namespace {

enum Request {
  kGetDeviceStatus,
  kGetInterfaceStatus,
  kGetEndpointStatus,
  kClearEndpointFeature,
  kSetEndpointFeature,
  kSetAddress,
  kGetDescriptor,
  kGetConfiguration,
  kSetConfiguration,
  kGetInterface,
  kSetInterface,
  kSetLineCoding,
  kGetLineCoding,
  kSetControlLineState,
  kSendBreak,
  kUnknown,
};
// Their types in the low bytes and numbers in the high bytes: as they come over the wire. A table
// takes less flash than comparisons.
constexpr uint16_t kRequests[] = {0x0080, 0x0081, 0x0082, 0x0102, 0x0302, 0x0500, 0x0680, 0x0880,
                                  0x0900, 0x0A81, 0x0B01, 0x2021, 0x21A1, 0x2221, 0x2321};
static_assert(sizeof(kRequests) / sizeof(kRequests[0]) == kUnknown);

constexpr uint16_t kLineCodingBytes = 7;  // rate in baud (4), stop bits, parity, data bits
constexpr uint16_t kDtr = 1;
constexpr int kSerialDigits = 16;
static_assert(2 * sizeof(kProduct) < kPacketBytes && 2 * sizeof(kManufacturer) < kPacketBytes &&
                  2 * kSerialDigits + 2 < kPacketBytes,
              "g_reply takes each text, and an empty packet need not end it");

constexpr uint8_t kNoLineCoding[kLineCodingBytes] = {0x80, 0x25, 0, 0, 0, 0, 8};  // 9600 8N1

int Find(uint16_t request) {
  int n = 0;
  while (n < kUnknown && kRequests[n] != request) ++n;
  return n;
}

uint8_t g_configuration;
volatile bool g_open;  // written in interrupts, read outside
uint8_t g_line_coding[kLineCodingBytes];
uint8_t g_reply[kPacketBytes];

Stage Send(Data* data, const void* at, size_t bytes) {
  *data = {static_cast<const uint8_t*>(at), static_cast<uint16_t>(bytes)};
  return Stage::kSend;
}

Stage SendBit(Data* data, bool bit, uint8_t bytes) {
  g_reply[0] = bit;
  g_reply[1] = 0;
  return Send(data, g_reply, bytes);
}

// The device's unique number, as Arduino's core writes it: the most significant digit first.
void PutSerialNumber(char* text) {
  uint8_t id[kSerialDigits / 2];
  board::UniqueId(id);
  for (int i = kSerialDigits - 1; i >= 0; --i) {
    const int digit = id[i / 2] >> (i % 2 * 4) & 15;
    *text++ = static_cast<char>(digit + (digit < 10 ? '0' : 'A' - 10));
  }
  *text = 0;
}

Stage SendLanguages(Data* data) {
  static constexpr uint8_t kEnglish[] = {4, kStringType, 0x09, 0x04};
  return Send(data, kEnglish, sizeof(kEnglish));
}

// Text is sent in UTF-16.
Stage SendText(Data* data, const char* text) {
  uint8_t bytes = 2;
  for (; *text != 0; bytes = static_cast<uint8_t>(bytes + 2)) {
    g_reply[bytes] = static_cast<uint8_t>(*text++);
    g_reply[bytes + 1] = 0;
  }
  g_reply[0] = bytes;
  g_reply[1] = kStringType;
  return Send(data, g_reply, bytes);
}

Stage SendString(Data* data, uint8_t index) {
  char serial_number[kSerialDigits + 1];
  switch (index) {
    case kLanguages:
      return SendLanguages(data);
    case kManufacturerText:
      return SendText(data, kManufacturer);
    case kProductText:
      return SendText(data, kProduct);
    case kSerialText:
      PutSerialNumber(serial_number);
      return SendText(data, serial_number);
    default:
      return Stage::kStall;
  }
}

Stage SendDescriptor(Data* data, uint16_t which) {
  if (High(which) == kStringType) return SendString(data, Low(which));
  if (which == kDeviceType << 8) return Send(data, kDeviceDescriptor, sizeof(kDeviceDescriptor));
  if (which != kConfigurationType << 8) return Stage::kStall;
  return Send(data, kConfigurationDescriptor, sizeof(kConfigurationDescriptor));
}

Stage Configure(uint16_t value) {
  if (value > 1) return Stage::kStall;
  Forget();
  g_configuration = static_cast<uint8_t>(value);
  UseEndpoints(value != 0);
  return Stage::kStatus;
}

bool IsEndpoint(uint16_t address) {
  return address == kNotificationIn || address == kDataIn || address == kDataOut;
}

// ENDPOINT_HALT, 0, is the only feature that an endpoint has.
Stage ChangeHalt(const Setup& setup, bool halt) {
  if (setup.value != 0 || !IsEndpoint(setup.index)) return Stage::kStall;
  SetHalt(static_cast<uint8_t>(setup.index), halt);
  return Stage::kStatus;
}

Stage SendEndpointStatus(Data* data, uint16_t address) {
  if ((address & ~kIn) == 0) return SendBit(data, false, 2);
  if (!IsEndpoint(address)) return Stage::kStall;
  return SendBit(data, IsHalted(static_cast<uint8_t>(address)), 2);
}

Stage ReceiveLineCoding(Data* data, uint16_t bytes) {
  data->bytes = kLineCodingBytes;
  return bytes == kLineCodingBytes ? Stage::kReceive : Stage::kStall;
}

// Closing the port at 1200 baud is the convention that asks Arduino's boards for their bootloader.
Stage SetLineState(uint16_t lines) {
  uint32_t baud;
  memcpy(&baud, g_line_coding, sizeof(baud));
  const bool open = (lines & kDtr) != 0;
  g_open = open && g_configuration != 0;
  return !open && baud == 1200 ? Stage::kBootloader : Stage::kStatus;
}

}  // namespace

Stage TakeSetup(const Setup& setup, Data* data) {
  const int request = Find(setup.request);
  const bool brings_data = (setup.request & kIn) == 0 && setup.length != 0;
  if (brings_data && request != kSetLineCoding) return Stage::kStall;
  switch (request) {
    case kGetDeviceStatus:
    case kGetInterfaceStatus:
      return SendBit(data, false, 2);
    case kGetEndpointStatus:
      return SendEndpointStatus(data, setup.index);
    case kClearEndpointFeature:
      return ChangeHalt(setup, false);
    case kSetEndpointFeature:
      return ChangeHalt(setup, true);
    case kSetAddress:
      return Stage::kNothing;
    case kGetDescriptor:
      return SendDescriptor(data, setup.value);
    case kGetConfiguration:
      return Send(data, &g_configuration, 1);
    case kSetConfiguration:
      return Configure(setup.value);
    case kGetInterface:
      return SendBit(data, false, 1);
    case kSetInterface:
      return setup.value == 0 ? Stage::kStatus : Stage::kStall;
    case kSetLineCoding:
      return ReceiveLineCoding(data, setup.length);
    case kGetLineCoding:
      return Send(data, g_line_coding, kLineCodingBytes);
    case kSetControlLineState:
      return SetLineState(setup.value);
    case kSendBreak:
      return Stage::kStatus;
    default:
      return Stage::kStall;
  }
}

void TakeData(const uint8_t* data) { memcpy(g_line_coding, data, kLineCodingBytes); }

void Forget() {
  g_configuration = 0;
  g_open = false;
  memcpy(g_line_coding, kNoLineCoding, kLineCodingBytes);
}

bool IsOpen() { return g_open; }

}  // namespace usb
}  // namespace tinydeploy
