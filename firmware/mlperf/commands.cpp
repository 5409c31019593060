#include <string.h>

#include "app/engine.h"
#include "board.h"
#include "mlperf/mlperf.h"
#include "mlperf/tensors.h"
#include "mlperf/text.h"

namespace tinydeploy {
namespace mlperf {
namespace {

constexpr uint32_t kMostInferences = 0x7FFFFFFF;
constexpr uint32_t kDefaultWarmups = 10;
constexpr size_t kPrintedBytes = 8;  // in a line of `db print`
constexpr char kProfile[] = "ULPMark for tinyML Firmware V0.0.1";

size_t g_expected;  // bytes that `db load` announced
size_t g_loaded;

// CPU cycles as 64 bits. The counter wraps after a minute or so: to be called more often than that
// while it matters, which every inference does.
uint64_t Cycles() {
  static uint64_t total;
  static uint32_t last;
  const uint32_t now = board::Cycles();
  total += now - last;
  last = now;
  return total;
}

void Timestamp() {
  Put("m-lap-us-");
  PutNumber(Cycles() / (board::CpuHz() / 1000000));
  PutLine("");
}

void PutCount(const char* before, uint64_t count, const char* after) {
  Put(before);
  PutNumber(count);
  PutLine(after);
}

bool RunMany(uint32_t count) {
  for (; count != 0; --count) {
    LoadTensor();
    if (!engine::Run(0, static_cast<int>(abi::kAllOps)).ok) return false;
    Cycles();
  }
  return true;
}

void Infer(uint32_t count, uint32_t warmups) {
  PutCount("m-warmup-start-", warmups, "");
  bool ok = RunMany(warmups);
  PutLine("m-warmup-done");
  PutCount("m-infer-start-", count, "");
  Timestamp();
  ok = ok && RunMany(count);
  Timestamp();
  if (!ok) return PutLine("e-[Inference failed]");
  PutLine("m-infer-done");
  PutResults();
}

void InferCommand(char* rest) {
  uint32_t count = 1, warmups = kDefaultWarmups;
  const char* word = NextWord(&rest);
  if (*word != 0 && (!ParseNumber(word, kMostInferences, &count) || count == 0)) {
    return PutLine("e-[Inference iterations must be >0]");
  }
  word = NextWord(&rest);
  if (*word != 0 && !ParseNumber(word, kMostInferences, &warmups)) {
    return PutLine("e-[Inference warmup must be >=0]");
  }
  if (!engine::ready()) return PutLine("e-[No model]");
  board::SetBusyLed(true);
  Infer(count, warmups);
  board::SetBusyLed(false);
}

void Expect(const char* word) {
  uint32_t bytes;
  if (*word == 0) return PutLine("e-[Command 'db load' requires the # of bytes]");
  if (!ParseNumber(word, static_cast<uint32_t>(kBufferBytes), &bytes)) {
    return PutCount("e-[Command 'db load' takes at most ", kBufferBytes, " bytes]");
  }
  if (bytes == 0) return PutLine("e-[Command 'db load' must be >0 bytes]");
  g_expected = bytes;
  g_loaded = 0;
  PutCount("m-[Expecting ", bytes, " bytes]");
}

void TakeDigits(const char* digits) {
  if (strlen(digits) % 2 != 0) return PutLine("e-[Insufficent number of hex digits]");
  for (; *digits != 0; digits += 2) {
    if (g_loaded == g_expected) return PutLine("e-[More bytes than 'db load' announced]");
    const int high = HexDigit(digits[0]), low = HexDigit(digits[1]);
    if (high < 0 || low < 0) return PutLine("e-[Invalid hex digit]");
    g_buffer[g_loaded++] = static_cast<uint8_t>(high << 4 | low);
  }
  if (g_loaded == g_expected) PutLine("m-load-done");
}

void Print() {
  for (size_t i = 0; i < g_expected; ++i) {
    Put(i % kPrintedBytes == 0 ? "m-buffer-" : "-");
    PutHex(g_buffer[i]);
    if ((i + 1) % kPrintedBytes == 0 || i + 1 == g_expected) PutLine("");
  }
}

void Db(char* rest) {
  const char* word = NextWord(&rest);
  if (*word == 0) return PutLine("e-[Command 'db' requires a subcommand]");
  if (Same(word, "load")) return Expect(NextWord(&rest));
  if (Same(word, "print")) return Print();
  TakeDigits(word);
}

void Name(char*) { PutLine("m-name-dut-[tinydeploy]"); }

void Profile(char*) {
  Put("m-profile-[");
  Put(kProfile);
  PutLine("]");
  Put("m-model-[");
  Put(ModelName());
  PutLine("]");
}

void TimestampCommand(char*) { Timestamp(); }
void Results(char*) { PutResults(); }

void Help(char*) {
  PutLine(kProfile);
  PutLine("");
  PutLine("help         : this text");
  PutLine("name         : who the device is");
  PutLine("profile      : which benchmark and model it runs");
  PutLine("timestamp    : microseconds of its clock");
  PutLine("db load N    : expect N bytes of input");
  PutLine("db HH[HH]*   : the next of them, in hexadecimal");
  PutLine("db print     : show them");
  PutLine("infer N [W]  : N inferences after W that are not timed (default: 10)");
  PutLine("results      : the last inference's outputs");
}

struct Command {
  const char* name;
  void (*run)(char* rest);
};
constexpr Command kCommands[] = {
    {"name", Name},       {"profile", Profile}, {"timestamp", TimestampCommand},
    {"db", Db},           {"help", Help},       {"infer", InferCommand},
    {"results", Results},
};

void Dispatch(char* line) {
  const char* word = NextWord(&line);
  for (const Command& command : kCommands) {
    if (Same(word, command.name)) return command.run(line);
  }
  if (*word == 0) return;
  Put("e-[Unknown command: ");
  Put(word);
  PutLine("]");
}

}  // namespace

void Greet() {
  Cycles();
  PutLine("m-init-done");
  PutLine("m-ready");
}

void Run(char* line) {
  Dispatch(line);
  PutLine("m-ready");
}

}  // namespace mlperf
}  // namespace tinydeploy
