// Frames: header, payload and CRC-32, COBS-encoded (Cheshire and Baker, 1999) between zero bytes.
#ifndef TINYDEPLOY_LINK_FRAME_H_
#define TINYDEPLOY_LINK_FRAME_H_

#include <stddef.h>
#include <stdint.h>

#include "abi/protocol.h"

namespace tinydeploy {

// A frame before encoding. `bytes` has room for payload and CRC; it is aligned so that handlers may
// lay the payload's structs over it.
struct Frame {
  abi::FrameHeader header;
  alignas(4) uint8_t bytes[abi::kMaxPayloadBytes + sizeof(uint32_t)];

  const uint8_t* raw() const { return reinterpret_cast<const uint8_t*>(this); }
  uint8_t* raw() { return reinterpret_cast<uint8_t*>(this); }
};
static_assert(offsetof(Frame, bytes) == sizeof(abi::FrameHeader),
              "header and payload are adjacent");

// Cuts the bytes of the wire into frames. Nothing of them is trusted.
class FrameDecoder {
 public:
  enum class Event { kNone, kFrame, kDropped };

  // Takes the next byte. After kFrame, `frame()` is valid until the next call; after kDropped,
  // `reason()` says why.
  Event Feed(uint8_t byte);
  void Reset();

  const Frame& frame() const { return frame_; }
  abi::NakReason reason() const { return reason_; }

 private:
  void Append(uint8_t byte);
  void TakeCode(uint8_t code);
  Event Finish();
  Event Drop(abi::NakReason reason);
  Event Check();

  Frame frame_ = {};
  uint16_t length_ = 0;     // bytes decoded
  uint8_t block_left_ = 0;  // bytes until the next code byte
  bool zero_due_ = false;   // the block before stands for a zero that follows it
  bool started_ = false;    // something came since the last delimiter
  bool overflow_ = false;   // more than fits a frame
  abi::NakReason reason_ = abi::NakReason::kCobs;
};

using WriteFn = void (*)(const uint8_t* data, size_t bytes);

// Completes `frame` (its header is set, its payload is in place) and sends it.
void SendFrame(Frame& frame, WriteFn write);

// Seed of the CRC: the ABI's hash, so that two sides of different versions never accept each
// other's frames; 0 for HELLO, with which they find that out.
uint32_t CrcSeed(uint8_t frame_type);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_LINK_FRAME_H_
