// Any bytes on the wire of a device with a model: frames, and with MLPerf the runner's lines. After
// whatever has failed the device must answer as it did at first.
//
// What the fuzzer makes is a sequence of records: bytes as they are, frames that the host could
// have sent (of the right session, length and checksum, which no fuzzer would hit upon), lines.
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "app/engine.h"
#include "board.h"
#include "fuzz/records.h"
#include "link/frame.h"

namespace tinydeploy {
namespace {

constexpr size_t kWireBytes = 1 << 14;
constexpr uint16_t kSession = 0x5EED;

uint8_t g_wire[kWireBytes];
size_t g_begin, g_end;
size_t g_answered;  // bytes
uint16_t g_sequence;
jmp_buf g_restart;

void Send(const uint8_t* data, size_t bytes) {
  if (bytes > kWireBytes - g_end) bytes = kWireBytes - g_end;
  memcpy(g_wire + g_end, data, bytes);
  g_end += bytes;
}

void Serve() {
  while (g_begin != g_end) app::Poll();
  g_begin = g_end = 0;
}

void SendRequest(abi::Command command, const void* payload, size_t bytes) {
  if (bytes > abi::kMaxPayloadBytes) bytes = abi::kMaxPayloadBytes;
  Frame frame = {};
  frame.header = {static_cast<uint8_t>(command), 0, ++g_sequence, kSession,
                  static_cast<uint16_t>(bytes)};
  memcpy(frame.bytes, payload, bytes);
  SendFrame(frame, Send);
}

void Hello() {
  const abi::HelloRequest hello = {abi::kAbiHash, abi::kProtocolVersion, 0};
  SendRequest(abi::Command::kHello, &hello, sizeof(hello));
}

#ifdef TINYDEPLOY_MLPERF
constexpr size_t kMostDigits = 2;

// `infer` runs as often as it is told: that may be for ever, and is no fault.
void SendText(const uint8_t* text, size_t bytes) {
  size_t digits = 0;
  const bool counts = bytes != 0 && text[0] != 'd';
  for (size_t i = 0; i < bytes; ++i) {
    digits = text[i] >= '0' && text[i] <= '9' ? digits + 1 : 0;
    if (!counts || digits <= kMostDigits) Send(text + i, 1);
  }
  Send(reinterpret_cast<const uint8_t*>("%"), 1);
}
#endif

void TakeRecord(fuzz::Records& records) {
  const uint8_t kind = records.Byte();
  size_t bytes = records.Byte();
  if (kind % 4 == 0) return Hello();
#ifdef TINYDEPLOY_MLPERF
  const uint8_t* taken = records.Take(&bytes);
  if (kind % 4 != 1) return SendText(taken, bytes);
#else
  if (kind % 4 == 1) {
    const uint8_t* raw = records.Take(&bytes);
    return Send(raw, bytes);
  }
  bytes *= kind % 4 == 3 ? 8 : 1;
  const uint8_t* taken = records.Take(&bytes);
#endif
  const auto command = static_cast<abi::Command>(kind / 4);
  SendRequest(command, taken, bytes);
}

void Require(bool holds) {
  if (!holds) abort();
}

// The device is as it was: it answers, and infers.
void CheckUp() {
  constexpr uint8_t kDelimiter = 0;
  Send(&kDelimiter, 1);
  const size_t before = g_answered;
  Hello();
  SendRequest(abi::Command::kStatus, "", 0);
  Serve();
  Require(g_answered > before + 2 * sizeof(abi::FrameHeader));
  Require(engine::ready());
  Require(engine::Run(0, static_cast<int>(abi::kAllOps)).ok);
}

}  // namespace

namespace board {

void Init() {}
const char* Name() { return "fuzz"; }
uint32_t CpuHz() { return 64000000; }
uint32_t Cycles() {
  static uint32_t cycles;
  return cycles += 1000;
}
bool CyclesAreCpuCycles() { return false; }
size_t Read(uint8_t* data, size_t capacity) {
  const size_t there = g_end - g_begin;
  const size_t bytes = capacity < there ? capacity : there;
  memcpy(data, g_wire + g_begin, bytes);
  g_begin += bytes;
  return bytes;
}
void Write(const uint8_t* data, size_t bytes) {
  volatile uint8_t sink = 0;
  for (size_t i = 0; i < bytes; ++i) sink = static_cast<uint8_t>(sink ^ data[i]);
  g_answered += bytes;
}
void Idle() {}
uint32_t Overruns() { return 0; }
void StartLink() {}
void RecoverLink() {}
void SetBusyLed(bool) {}
void SetFaultLed(bool) {}
void UniqueId(uint8_t id[8]) { memset(id, 7, 8); }
uint32_t ResetReason() { return 0; }
[[noreturn]] void Restart() { longjmp(g_restart, 1); }
bool HasBootloaderEntry() { return true; }
[[noreturn]] void EnterBootloader() { longjmp(g_restart, 1); }
MemoryUse Memory() { return {}; }

}  // namespace board
}  // namespace tinydeploy

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  tinydeploy::app::Start();
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinydeploy;
  fuzz::Records records = {data, size};
  g_begin = g_end = 0;
  if (setjmp(g_restart) == 0) {
    Hello();
    while (!records.done()) {
      TakeRecord(records);
      Serve();
    }
  }
  g_begin = g_end = 0;
  if (setjmp(g_restart) == 0) CheckUp();
  return 0;
}
