#include <string.h>

#include "link/crc32.h"
#include "link/frame.h"

namespace tinydeploy {
namespace {

constexpr size_t kHeaderBytes = sizeof(abi::FrameHeader);
constexpr size_t kCrcBytes = sizeof(uint32_t);
constexpr size_t kLargestFrameBytes = kHeaderBytes + abi::kMaxPayloadBytes + kCrcBytes;

}  // namespace

uint32_t CrcSeed(uint8_t frame_type) {
  const bool hello = (frame_type & ~abi::kReply) == static_cast<uint8_t>(abi::Command::kHello);
  return hello ? 0 : abi::kAbiHash;
}

void FrameDecoder::Reset() {
  length_ = 0;
  block_left_ = 0;
  zero_due_ = started_ = overflow_ = false;
}

FrameDecoder::Event FrameDecoder::Feed(uint8_t byte) {
  if (byte == 0) return Finish();
  started_ = true;
  if (block_left_ == 0) {
    TakeCode(byte);
  } else {
    --block_left_;
    Append(byte);
  }
  return Event::kNone;
}

// A code byte n stands for n - 1 bytes and a zero after them, but for the largest, which has no
// zero, and the last, whose zero is not part of the data.
void FrameDecoder::TakeCode(uint8_t code) {
  if (zero_due_) Append(0);
  zero_due_ = code != 0xFF;
  block_left_ = static_cast<uint8_t>(code - 1);
}

void FrameDecoder::Append(uint8_t byte) {
  if (length_ == kLargestFrameBytes) {
    overflow_ = true;
  } else {
    frame_.raw()[length_++] = byte;
  }
}

FrameDecoder::Event FrameDecoder::Finish() {
  const Event event = Check();
  Reset();
  return event;
}

FrameDecoder::Event FrameDecoder::Check() {
  if (!started_) return Event::kNone;  // delimiters may repeat
  if (overflow_) return Drop(abi::NakReason::kLength);
  if (block_left_ != 0) return Drop(abi::NakReason::kCobs);
  if (length_ < kHeaderBytes + kCrcBytes) return Drop(abi::NakReason::kLength);
  const size_t payload_bytes = length_ - kHeaderBytes - kCrcBytes;
  if (frame_.header.payload_bytes != payload_bytes) return Drop(abi::NakReason::kLength);
  uint32_t crc;
  memcpy(&crc, frame_.bytes + payload_bytes, kCrcBytes);
  const uint32_t seed = CrcSeed(frame_.header.type);
  if (Crc32(seed, frame_.raw(), length_ - kCrcBytes) != crc) return Drop(abi::NakReason::kCrc);
  return Event::kFrame;
}

FrameDecoder::Event FrameDecoder::Drop(abi::NakReason reason) {
  reason_ = reason;
  return Event::kDropped;
}

}  // namespace tinydeploy
