// Frames as a faulty wire, a faulty host and a hostile one send them.
#ifndef TINYDEPLOY_FUZZ_FRAMES_H_
#define TINYDEPLOY_FUZZ_FRAMES_H_

#include "abi/protocol.h"
#include "abi/slot_protocol.h"
#include "fuzz/chance.h"

namespace tinydeploy {
namespace fuzz {

class FrameMaker {
 public:
  explicit FrameMaker(uint64_t seed) : chance_(seed) {}

  // Puts the next one on the wire.
  void PutNext();
  // A request about slots, as the host could send it.
  void PutSlotRequest();
  Chance& chance() { return chance_; }

 private:
  void PutSound();     // as the host could send it; what it asks may be nonsense
  void PutOdd();       // the checksum is right, the header or its length is not
  void PutDamaged();   // changed on the wire
  void PutNoise();     // bytes up to a delimiter
  void PutRepeated();  // the last one again

  void Draw(uint32_t kind);
  void Encode();
  void Damage();

  Chance chance_;
  uint16_t sequence_ = 0;
  size_t plain_bytes_ = 0;    // header and payload
  size_t encoded_bytes_ = 0;  // with delimiters
  uint8_t plain_[sizeof(abi::FrameHeader) + abi::kMaxPayloadBytes + sizeof(uint32_t)];
  uint8_t encoded_[2 * sizeof(plain_)];
};

}  // namespace fuzz
}  // namespace tinydeploy

#endif  // TINYDEPLOY_FUZZ_FRAMES_H_
