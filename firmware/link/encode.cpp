#include <string.h>

#include "link/crc32.h"
#include "link/frame.h"

namespace tinydeploy {
namespace {

constexpr size_t kLongestBlock = 254;  // bytes that one code byte can announce

// Collects bytes so that the board sends few long pieces instead of many short ones.
class Stage {
 public:
  explicit Stage(WriteFn write) : write_(write) {}

  void Put(uint8_t byte) {
    bytes_[used_++] = byte;
    if (used_ == sizeof(bytes_)) Flush();
  }
  void Flush() {
    write_(bytes_, used_);
    used_ = 0;
  }

 private:
  WriteFn write_;
  size_t used_ = 0;
  uint8_t bytes_[64];
};

// Bytes before the next zero, at most one block.
size_t BlockLength(const uint8_t* data, size_t bytes) {
  size_t length = 0;
  while (length < bytes && length < kLongestBlock && data[length] != 0) ++length;
  return length;
}

void PutCobs(const uint8_t* data, size_t bytes, Stage& stage) {
  for (;;) {
    const size_t length = BlockLength(data, bytes);
    stage.Put(static_cast<uint8_t>(length + 1));
    for (size_t i = 0; i < length; ++i) stage.Put(data[i]);
    data += length;
    bytes -= length;
    if (bytes == 0) return;
    if (length == kLongestBlock) continue;  // stands for no zero
    ++data;
    --bytes;
  }
}

}  // namespace

void SendFrame(Frame& frame, WriteFn write) {
  const size_t body_bytes = sizeof(frame.header) + frame.header.payload_bytes;
  const uint32_t crc = Crc32(CrcSeed(frame.header.type), frame.raw(), body_bytes);
  memcpy(frame.raw() + body_bytes, &crc, sizeof(crc));
  Stage stage(write);
  stage.Put(0);
  PutCobs(frame.raw(), body_bytes + sizeof(crc), stage);
  stage.Put(0);
  stage.Flush();
}

}  // namespace tinydeploy
