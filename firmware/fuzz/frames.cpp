#include "fuzz/frames.h"

#include <string.h>

#include "fuzz/device.h"
#include "link/crc32.h"
#include "link/frame.h"

namespace tinydeploy {
namespace fuzz {
namespace {

using abi::Command;

constexpr uint32_t kMostNoiseBytes = 700;  // more than a frame takes
constexpr size_t kLongestBlock = 254;      // of COBS

// What a request has in front of data of any length.
struct Kind {
  Command command;
  uint8_t bytes;
  bool has_data;
};
constexpr Kind kKinds[] = {
    {Command::kHello, sizeof(abi::HelloRequest), false},
    {Command::kStatus, 0, false},
    {Command::kMemory, 0, false},
    {Command::kTensor, sizeof(abi::TensorRequest), false},
    {Command::kLoadInput, sizeof(abi::LoadRequest), true},
    {Command::kInvoke, sizeof(abi::InvokeRequest), false},
    {Command::kRead, sizeof(abi::ReadRequest), false},
    {Command::kProfile, sizeof(abi::ProfileRequest), false},
    {Command::kDiagnose, 0, false},
    {Command::kEcho, 0, true},
    {Command::kReset, sizeof(abi::ResetRequest), false},
    {Command::kOperators, 0, false},
    {Command::kSlotInfo, sizeof(abi::SlotRequest), false},
    {Command::kSlotErase, sizeof(abi::SlotEraseRequest), false},
    {Command::kSlotWrite, sizeof(abi::SlotWriteRequest), true},
    {Command::kSlotPages, sizeof(abi::SlotPagesRequest), false},
    {Command::kSlotVerify, sizeof(abi::SlotRequest), false},
    {Command::kSlotActivate, sizeof(abi::SlotRequest), false},
    {Command::kSlotRollback, sizeof(abi::SlotRollbackRequest), false},
};
constexpr uint32_t kKindCount = sizeof(kKinds) / sizeof(kKinds[0]);
constexpr uint32_t kFirstOfSlots = 12;
static_assert(kKinds[kFirstOfSlots].command == Command::kSlotInfo, "the first about slots");

}  // namespace

void FrameMaker::PutNext() {
  switch (chance_.Below(8)) {
    case 0:
      return PutNoise();
    case 1:
      return PutOdd();
    case 2:
    case 3:
      return PutDamaged();
    case 4:
      return PutRepeated();
    default:
      return PutSound();
  }
}

void FrameMaker::PutSlotRequest() {
  Draw(kFirstOfSlots + chance_.Below(kKindCount - kFirstOfSlots));
  Encode();
  Put(encoded_, encoded_bytes_);
}

void FrameMaker::PutSound() {
  Draw(chance_.Below(kKindCount));
  Encode();
  Put(encoded_, encoded_bytes_);
}

void FrameMaker::PutOdd() {
  Draw(chance_.Below(kKindCount));
  abi::FrameHeader header;
  memcpy(&header, plain_, sizeof(header));
  if (chance_.OneIn(2)) header.type = static_cast<uint8_t>(chance_.Next());
  if (chance_.OneIn(2)) header.session = chance_.Number();
  if (chance_.OneIn(2)) header.payload_bytes = chance_.Number();
  header.status = static_cast<uint8_t>(chance_.Next());
  header.sequence = chance_.Number();
  memcpy(plain_, &header, sizeof(header));
  if (chance_.OneIn(8)) plain_bytes_ = chance_.Below(sizeof(header));
  Encode();
  Put(encoded_, encoded_bytes_);
}

void FrameMaker::PutDamaged() {
  Draw(chance_.Below(kKindCount));
  Encode();
  for (uint32_t left = 1 + chance_.Below(3); left != 0; --left) Damage();
  Put(encoded_, encoded_bytes_);
}

void FrameMaker::PutNoise() {
  uint8_t bytes[kMostNoiseBytes];
  const size_t count = chance_.Below(chance_.OneIn(8) ? kMostNoiseBytes : 40);
  chance_.Fill(bytes, count);
  for (size_t i = 0; i < count; ++i) bytes[i] |= bytes[i] == 0;
  if (count != 0) bytes[count - 1] = 0;
  Put(bytes, count);
}

void FrameMaker::PutRepeated() { Put(encoded_, encoded_bytes_); }

void FrameMaker::Draw(uint32_t index) {
  const Kind& kind = kKinds[index];
  size_t bytes = kind.bytes;
  if (kind.has_data) bytes += chance_.Below(chance_.OneIn(4) ? abi::kMaxPayloadBytes : 32) & ~3u;
  if (chance_.OneIn(8)) bytes = chance_.Below(abi::kMaxPayloadBytes + 1);
  if (bytes > abi::kMaxPayloadBytes) bytes = abi::kMaxPayloadBytes;
  const abi::FrameHeader header = {static_cast<uint8_t>(kind.command), 0, ++sequence_, kSession,
                                   static_cast<uint16_t>(bytes)};
  memcpy(plain_, &header, sizeof(header));
  uint8_t* const payload = plain_ + sizeof(header);
  chance_.Fill(payload, bytes);
  for (size_t at = 0; at + sizeof(uint16_t) <= kind.bytes; at += sizeof(uint16_t)) {
    const uint16_t number = chance_.Number();
    memcpy(payload + at, &number, sizeof(number));
  }
  if (kind.command == Command::kHello && !chance_.OneIn(4)) {
    const abi::HelloRequest hello = {abi::kAbiHash, abi::kProtocolVersion, 0};
    memcpy(payload, &hello, sizeof(hello));
  }
  plain_bytes_ = sizeof(header) + bytes;
}

// With a checksum that is right, whatever the header says.
void FrameMaker::Encode() {
  const uint32_t crc = Crc32(CrcSeed(plain_[0]), plain_, plain_bytes_);
  memcpy(plain_ + plain_bytes_, &crc, sizeof(crc));
  const size_t bytes = plain_bytes_ + sizeof(crc);
  size_t code = 1, length = 0;
  encoded_bytes_ = 2;
  encoded_[0] = 0;
  for (size_t i = 0; i < bytes; ++i) {
    if (plain_[i] != 0) {
      encoded_[encoded_bytes_++] = plain_[i];
      ++length;
    }
    if (plain_[i] != 0 && length < kLongestBlock) continue;
    encoded_[code] = static_cast<uint8_t>(length + 1);
    code = encoded_bytes_++;
    length = 0;
  }
  encoded_[code] = static_cast<uint8_t>(length + 1);
  encoded_[encoded_bytes_++] = 0;
}

void FrameMaker::Damage() {
  if (encoded_bytes_ == 0) return;
  const size_t at = chance_.Below(static_cast<uint32_t>(encoded_bytes_));
  switch (chance_.Below(5)) {
    case 0:
      encoded_[at] = static_cast<uint8_t>(encoded_[at] ^ 1u << chance_.Below(8));
      return;
    case 1:
      encoded_[at] = static_cast<uint8_t>(chance_.OneIn(4) ? 0 : chance_.Next());
      return;
    case 2:  // lost
      memmove(encoded_ + at, encoded_ + at + 1, --encoded_bytes_ - at);
      return;
    case 3:  // twice
      memmove(encoded_ + at + 1, encoded_ + at, encoded_bytes_++ - at);
      return;
    default:  // cut
      encoded_bytes_ = at + 1;
  }
}

}  // namespace fuzz
}  // namespace tinydeploy
