// Any requests at the USB control endpoint, in any order. Afterwards a host must be able to open
// the port as ever.
#include <stdlib.h>
#include <string.h>

#include "board.h"
#include "fuzz/records.h"
#include "usb/cdc_acm.h"

namespace tinydeploy {
namespace {

constexpr uint16_t kGetDescriptor = 0x0680, kSetConfiguration = 0x0900, kSetLineState = 0x2221;
constexpr uint16_t kDeviceDescriptor = 0x0100, kDeviceDescriptorBytes = 18, kDtr = 1;

bool g_halted[256];
bool g_used;

void Require(bool holds) {
  if (!holds) abort();
}

void Look(const usb::Data& data, uint16_t most) {
  volatile uint8_t sink = 0;
  const uint16_t bytes = data.bytes < most ? data.bytes : most;
  for (uint16_t i = 0; i < bytes; ++i) sink = static_cast<uint8_t>(sink ^ data.at[i]);
}

// The data stage, in a block exactly as long as was asked for.
void GiveData(fuzz::Records& records, uint16_t wanted) {
  auto* block = static_cast<uint8_t*>(malloc(wanted));
  memset(block, 0, wanted);
  size_t bytes = wanted;
  const uint8_t* taken = records.Take(&bytes);
  memcpy(block, taken, bytes);
  usb::TakeData(block);
  free(block);
}

void TakeRecord(fuzz::Records& records) {
  if (records.Byte() % 16 == 0) {
    usb::Forget();
    return Require(!usb::IsOpen());
  }
  usb::Setup setup = {};
  size_t bytes = sizeof(setup);
  const uint8_t* taken = records.Take(&bytes);
  memcpy(&setup, taken, bytes);
  usb::Data data = {};
  const usb::Stage stage = usb::TakeSetup(setup, &data);
  if (stage == usb::Stage::kSend) Look(data, setup.length);
  if (stage == usb::Stage::kReceive) GiveData(records, data.bytes);
  Require(!usb::IsOpen() || g_used);
}

usb::Stage Ask(uint16_t request, uint16_t value, uint16_t length, usb::Data* data) {
  return usb::TakeSetup({request, value, 0, length}, data);
}

void OpenAsEver() {
  usb::Data data = {};
  usb::Forget();
  Require(!usb::IsOpen());
  Require(Ask(kGetDescriptor, kDeviceDescriptor, 64, &data) == usb::Stage::kSend);
  Require(data.bytes == kDeviceDescriptorBytes);
  Look(data, kDeviceDescriptorBytes);
  Require(Ask(kSetConfiguration, 1, 0, &data) == usb::Stage::kStatus);
  Require(Ask(kSetLineState, kDtr, 0, &data) == usb::Stage::kStatus);
  Require(usb::IsOpen());
}

}  // namespace

namespace usb {

void UseEndpoints(bool use) { g_used = use; }
void SetHalt(uint8_t endpoint_address, bool halt) { g_halted[endpoint_address] = halt; }
bool IsHalted(uint8_t endpoint_address) { return g_halted[endpoint_address]; }

}  // namespace usb

namespace board {

void UniqueId(uint8_t id[8]) { memset(id, 0xA5, 8); }

}  // namespace board
}  // namespace tinydeploy

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinydeploy;
  fuzz::Records records = {data, size};
  usb::Forget();
  while (!records.done()) TakeRecord(records);
  OpenAsEver();
  return 0;
}
