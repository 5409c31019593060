// Any bytes on the wire of a device with a model: frames, and with MLPerf the runner's lines. After
// whatever has failed the device must answer, and infer, as it did at first.
//
// What the fuzzer makes is a sequence of records: bytes as they are, frames that the host could
// have sent (of the right session, length and checksum, which no fuzzer would hit upon), lines.
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "app/engine.h"
#include "fuzz/device.h"
#include "fuzz/records.h"

namespace tinydeploy {
namespace {

fuzz::Known g_model;

#ifdef TINYDEPLOY_MLPERF
constexpr size_t kMostDigits = 2;

// `infer` runs as often as it is told: that may be for ever, and is no fault.
void PutText(const uint8_t* text, size_t bytes) {
  size_t digits = 0;
  const bool counts = bytes != 0 && text[0] != 'd';
  for (size_t i = 0; i < bytes; ++i) {
    digits = text[i] >= '0' && text[i] <= '9' ? digits + 1 : 0;
    if (!counts || digits <= kMostDigits) fuzz::Put(text + i, 1);
  }
  fuzz::Put(reinterpret_cast<const uint8_t*>("%"), 1);
}
#endif

void TakeRecord(fuzz::Records& records) {
  const uint8_t kind = records.Byte();
  size_t bytes = records.Byte();
  if (kind % 4 == 0) return fuzz::PutHello();
#ifdef TINYDEPLOY_MLPERF
  const uint8_t* taken = records.Take(&bytes);
  if (kind % 4 != 1) return PutText(taken, bytes);
#else
  if (kind % 4 == 1) {
    const uint8_t* raw = records.Take(&bytes);
    return fuzz::Put(raw, bytes);
  }
  bytes *= kind % 4 == 3 ? 8 : 1;
  const uint8_t* taken = records.Take(&bytes);
#endif
  const auto command = static_cast<abi::Command>(kind / 4);
  fuzz::PutRequest(command, taken, bytes);
}

// What the built-in model makes of zeros, while nothing has gone wrong yet.
void Learn() {
  engine::Tensor input, output;
  const bool has_ends = engine::Find(abi::TensorKind::kInput, 0, &input) == abi::Status::kOk &&
                        engine::Find(abi::TensorKind::kOutput, 0, &output) == abi::Status::kOk;
  fuzz::Require(has_ends, "no model");
  const uint32_t given = input.description.bytes, made = output.description.bytes;
  memset(input.data, 0, given);
  fuzz::Require(engine::Run(0, static_cast<int>(abi::kAllOps)).ok, "the model does not run");
  auto* answer = static_cast<uint8_t*>(malloc(made));
  memcpy(answer, output.data, made);
  g_model = {{}, given, made, static_cast<uint8_t*>(calloc(given, 1)), answer};
  memcpy(g_model.hash, engine::Loaded().hash, sizeof(g_model.hash));
}

}  // namespace
}  // namespace tinydeploy

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  tinydeploy::app::Start();
  tinydeploy::Learn();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinydeploy;
  fuzz::Records records = {data, size};
  fuzz::Forget();
  if (setjmp(fuzz::g_restart) == 0) {
    fuzz::PutHello();
    while (!records.done()) {
      TakeRecord(records);
      fuzz::Serve();
    }
  }
  fuzz::Forget();
  uint8_t hash[32];
  if (setjmp(fuzz::g_restart) == 0) fuzz::CheckUp({&g_model, 1}, false, hash);
  return 0;
}
