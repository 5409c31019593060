#include "fuzz/device.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "link/frame.h"

namespace tinydeploy {
namespace fuzz {
namespace {

using abi::Command;
using abi::Status;

constexpr size_t kWireBytes = 1 << 14;
constexpr size_t kMostInputBytes = abi::kMaxPayloadBytes - sizeof(abi::LoadRequest);

uint8_t g_wire[kWireBytes];
size_t g_begin, g_end;
uint16_t g_sequence;
uint16_t g_session = kSession;  // of a check-up; each has its own, as each host has
board::ModelFlash g_flash;
FrameDecoder g_host;
Frame g_answer;
Sent g_sent;
bool g_is_text = true;  // all since the last zero

bool IsAnswer(Command command) {
  return g_answer.header.type == (static_cast<uint8_t>(command) | abi::kReply) &&
         g_answer.header.session == g_session && g_answer.header.sequence == g_sequence;
}

void PutFrame(uint16_t session, Command command, const void* payload, size_t bytes) {
  if (bytes > abi::kMaxPayloadBytes) bytes = abi::kMaxPayloadBytes;
  Frame frame = {};
  frame.header = {static_cast<uint8_t>(command), 0, ++g_sequence, session,
                  static_cast<uint16_t>(bytes)};
  memcpy(frame.bytes, payload, bytes);
  SendFrame(frame, Put);
}

void TakeFrame(const Frame& frame) {
  g_answer = frame;
  ++g_sent.frames;
  g_sent.naks += frame.header.type == static_cast<uint8_t>(Command::kNak);
}

// Of what the device sends: frames, and between them lines of text, which are printable.
void TakeByte(uint8_t byte) {
  const FrameDecoder::Event event = g_host.Feed(byte);
  if (event == FrameDecoder::Event::kFrame) TakeFrame(g_host.frame());
  const bool is_sound = event != FrameDecoder::Event::kDropped || g_is_text;
  Require(is_sound, "the device has sent something that is neither a frame nor text");
  const bool printable = (byte >= ' ' && byte <= '~') || byte == '\r' || byte == '\n';
  g_is_text = byte == 0 || (g_is_text && printable);
}

const Known* Find(const KnownModels& known, const uint8_t* hash) {
  for (uint32_t i = 0; i < known.count; ++i) {
    if (memcmp(known.models[i].hash, hash, sizeof(known.models[i].hash)) == 0) {
      return &known.models[i];
    }
  }
  return nullptr;
}

void LoadInput(const Known& model) {
  uint8_t payload[abi::kMaxPayloadBytes];
  for (uint32_t at = 0; at < model.input_bytes;) {
    const uint32_t left = model.input_bytes - at;
    const uint32_t bytes = left < kMostInputBytes ? left : kMostInputBytes;
    const abi::LoadRequest where = {0, 0, at};
    memcpy(payload, &where, sizeof(where));
    memcpy(payload + sizeof(where), model.input + at, bytes);
    const Answer answer = Ask(Command::kLoadInput, payload, sizeof(where) + bytes);
    Require(answer.status == Status::kOk, "the device takes no input");
    at += bytes;
  }
}

void Infer(const Known& model) {
  LoadInput(model);
  const abi::InvokeRequest all = {0, abi::kAllOps};
  Require(Ask(Command::kInvoke, &all, sizeof(all)).status == Status::kOk, "the inference fails");
  for (uint32_t at = 0; at < model.output_bytes;) {
    const uint32_t left = model.output_bytes - at;
    const uint32_t bytes = left < abi::kMaxPayloadBytes ? left : abi::kMaxPayloadBytes;
    const abi::ReadRequest what = {static_cast<uint16_t>(abi::TensorKind::kOutput), 0, at, bytes};
    const Answer answer = Ask(Command::kRead, &what, sizeof(what));
    Require(answer.status == Status::kOk && answer.bytes == bytes, "the output cannot be read");
    Require(memcmp(answer.payload, model.output + at, bytes) == 0, "the inference is wrong");
    at += bytes;
  }
}

}  // namespace

jmp_buf g_restart;

void Require(bool holds, const char* what) {
  if (holds) return;
  fprintf(stderr, "%s\n", what);
  abort();
}

void SetFlash(const board::ModelFlash& flash) { g_flash = flash; }

void Put(const uint8_t* data, size_t bytes) {
  if (bytes > kWireBytes - g_end) bytes = kWireBytes - g_end;
  memcpy(g_wire + g_end, data, bytes);
  g_end += bytes;
}

void PutRequest(Command command, const void* payload, size_t bytes) {
  PutFrame(kSession, command, payload, bytes);
}

void PutHello() {
  const abi::HelloRequest hello = {abi::kAbiHash, abi::kProtocolVersion, 0};
  PutRequest(Command::kHello, &hello, sizeof(hello));
}

void Serve() {
  while (g_begin != g_end) app::Poll();
  Forget();
}

void Forget() { g_begin = g_end = 0; }

Sent TakeSent() {
  const Sent sent = g_sent;
  g_sent = {};
  return sent;
}

Answer Ask(Command command, const void* payload, size_t bytes) {
  const uint64_t before = g_sent.frames;
  PutFrame(g_session, command, payload, bytes);
  Serve();
  Require(g_sent.frames == before + 1 && IsAnswer(command), "the device does not answer");
  return {static_cast<Status>(g_answer.header.status), g_answer.header.payload_bytes,
          g_answer.bytes};
}

void CheckUp(const KnownModels& known, bool may_be_other, uint8_t hash[32]) {
  constexpr uint8_t kDelimiter = 0;
  Put(&kDelimiter, 1);  // whatever was on the way is no part of what follows
  Serve();
  ++g_session;
  const abi::HelloRequest greeting = {abi::kAbiHash, abi::kProtocolVersion, 0};
  const Answer hello = Ask(Command::kHello, &greeting, sizeof(greeting));
  Require(hello.status == Status::kOk && hello.bytes == sizeof(abi::HelloReply), "no greeting");
  memcpy(hash, reinterpret_cast<const abi::HelloReply*>(hello.payload)->model_hash, 32);
  const Known* model = Find(known, hash);
  Require(model != nullptr || may_be_other, "a model runs that never passed");
  const Answer status = Ask(Command::kStatus, "", 0);
  Require(status.status == Status::kOk && status.bytes == sizeof(abi::StatusReply), "no status");
  const auto state =
      static_cast<abi::State>(reinterpret_cast<const abi::StatusReply*>(status.payload)->state);
  Require(state == abi::State::kIdle || model == nullptr, "the device is not idle");
  if (model != nullptr) return Infer(*model);
  const abi::InvokeRequest all = {0, abi::kAllOps};
  Ask(Command::kInvoke, &all, sizeof(all));
}

}  // namespace fuzz

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
  const size_t there = fuzz::g_end - fuzz::g_begin;
  const size_t bytes = capacity < there ? capacity : there;
  memcpy(data, fuzz::g_wire + fuzz::g_begin, bytes);
  fuzz::g_begin += bytes;
  return bytes;
}
void Write(const uint8_t* data, size_t bytes) {
  for (size_t i = 0; i < bytes; ++i) fuzz::TakeByte(data[i]);
}
void Idle() {}
uint32_t Overruns() { return 0; }
void StartLink() {}
void RecoverLink() {}
void SetBusyLed(bool) {}
void SetFaultLed(bool) {}
void UniqueId(uint8_t id[8]) { memset(id, 7, 8); }
uint32_t ResetReason() { return 0; }
[[noreturn]] void Restart() { longjmp(fuzz::g_restart, 1); }
bool HasBootloaderEntry() { return true; }
[[noreturn]] void EnterBootloader() { longjmp(fuzz::g_restart, 1); }
ModelFlash Models() { return fuzz::g_flash; }
void EraseModelPage(const uint8_t* page) {
  memset(const_cast<uint8_t*>(page), 0xFF, fuzz::g_flash.page_bytes);
}
void WriteModelWords(const uint8_t* at, const uint32_t* words, size_t count) {
  auto* target = reinterpret_cast<uint32_t*>(const_cast<uint8_t*>(at));
  for (size_t i = 0; i < count; ++i) target[i] &= words[i];
}
MemoryUse Memory() { return {}; }

}  // namespace board
}  // namespace tinydeploy
