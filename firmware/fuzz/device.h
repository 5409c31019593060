// A device in this process for fuzzers: the firmware's application on a wire in memory, and the
// host at the wire's other end, which trusts no answer.
#ifndef TINYDEPLOY_FUZZ_DEVICE_H_
#define TINYDEPLOY_FUZZ_DEVICE_H_

#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>

#include "abi/protocol.h"
#include "board.h"

namespace tinydeploy {
namespace fuzz {

constexpr uint16_t kSession = 0x5EED;

// A restart of the board comes back here.
extern jmp_buf g_restart;

// Ends the process with these words.
void Require(bool holds, const char* what);

// Flash for models; none until this is called.
void SetFlash(const board::ModelFlash& flash);

// Bytes on the wire. What the wire has no room for is lost.
void Put(const uint8_t* data, size_t bytes);
// A request of the session with the next number, as the host sends it.
void PutRequest(abi::Command command, const void* payload, size_t bytes);
void PutHello();
// The device takes all that is on the wire.
void Serve();
void Forget();  // what is on the wire

// How many frames the device has sent, of them NAKs.
struct Sent {
  uint64_t frames;
  uint64_t naks;
};
Sent TakeSent();

// Puts a request of the last check-up's session on the quiet wire. The device must answer it.
struct Answer {
  abi::Status status;
  uint16_t bytes;
  const uint8_t* payload;  // until the next answer
};
Answer Ask(abi::Command command, const void* payload, size_t bytes);

// A model that may run, and what it answers.
struct Known {
  uint8_t hash[32];
  uint32_t input_bytes;
  uint32_t output_bytes;
  const uint8_t* input;
  const uint8_t* output;
};
struct KnownModels {
  const Known* models;
  uint32_t count;
};
// The device answers, is idle, runs one of these models and infers what that must. `hash`: of what
// runs. With `may_be_other`, also another model: that is asked, and answers whatever it likes.
void CheckUp(const KnownModels& known, bool may_be_other, uint8_t hash[32]);

}  // namespace fuzz
}  // namespace tinydeploy

#endif  // TINYDEPLOY_FUZZ_DEVICE_H_
