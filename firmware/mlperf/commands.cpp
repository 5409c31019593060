#include <string.h>

#include "app/engine.h"
#include "board.h"
#include "mlperf/mlperf.h"
#include "mlperf/tensors.h"
#include "mlperf/text.h"

namespace tinydeploy {
namespace mlperf {
namespace {

constexpr int32_t kDefaultWarmups = 10;
// The longest input of the benchmarks, vww01's. The reference takes as much whatever the model is.
constexpr int32_t kMostInputBytes = 27648;
constexpr size_t kPrintedBytes = 8;  // in a line of `db print`
constexpr char kProfile[] = "ULPMark for tinyML Firmware V0.0.1";

size_t g_expected;  // bytes that `db load` announced; the buffer keeps those that the model takes
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

bool RunMany(int32_t count) {
  for (; count > 0; --count) {
    if (!engine::Run(0, static_cast<int>(abi::kAllOps)).ok) return false;
    Cycles();
  }
  return true;
}

// As the reference does, the input is loaded once, outside of what is timed. An inference may use
// its memory for other things: results are those of one more, on what was loaded.
void Infer(int32_t count, int32_t warmups) {
  LoadTensor();
  PutCount("m-warmup-start-", static_cast<uint32_t>(warmups), "");
  bool ok = RunMany(warmups);
  PutLine("m-warmup-done");
  PutCount("m-infer-start-", static_cast<uint32_t>(count), "");
  Timestamp();
  ok = ok && RunMany(count);
  Timestamp();
  if (ok && count + int64_t{warmups} > 1) {
    LoadTensor();
    ok = RunMany(1);
  }
  if (!ok) return PutLine("e-[Inference failed]");
  PutLine("m-infer-done");
  PutResults();
}

void InferCommand(char* rest) {
  int32_t count = 1, warmups = kDefaultWarmups;
  const char* word = NextWord(&rest);
  if (*word != 0) count = ReadNumber(word);
  if (count <= 0) return PutLine("e-[Inference iterations must be >0]");
  word = NextWord(&rest);
  if (*word != 0) warmups = ReadNumber(word);
  if (warmups < 0) return PutLine("e-[Inference warmup must be >=0]");
  if (!engine::ready()) return PutLine("e-[No model]");
  board::SetBusyLed(true);
  Infer(count, warmups);
  board::SetBusyLed(false);
}

void Expect(const char* word) {
  if (*word == 0) return PutLine("e-[Command 'db load' requires the # of bytes]");
  const int32_t bytes = ReadNumber(word);
  if (bytes <= 0) return PutLine("e-[Command 'db load' must be >0 bytes]");
  if (bytes > kMostInputBytes) {
    return PutCount("e-[Command 'db load' takes at most ", kMostInputBytes, " bytes]");
  }
  g_expected = static_cast<size_t>(bytes);
  g_loaded = 0;
  PutCount("m-[Expecting ", g_expected, " bytes]");
  if (g_expected > kBufferBytes) PutCount("m-[The model takes the first ", kBufferBytes, "]");
}

// What comes after the announced number is ignored, as the reference does.
void TakeDigits(const char* digits) {
  if (strlen(digits) % 2 != 0) return PutLine("e-[Insufficent number of hex digits]");
  for (; *digits != 0 && g_loaded < g_expected; digits += 2) {
    const int high = HexDigit(digits[0]), low = HexDigit(digits[1]);
    if (high < 0 || low < 0) return PutLine("e-[Invalid hex digit]");
    if (g_loaded < kBufferBytes) g_buffer[g_loaded] = static_cast<uint8_t>(high << 4 | low);
    ++g_loaded;
  }
  if (g_loaded == g_expected) PutLine("m-load-done");
}

void Print() {
  const size_t kept = g_expected < kBufferBytes ? g_expected : kBufferBytes;
  for (size_t i = 0; i < kept; ++i) {
    Put(i % kPrintedBytes == 0 ? "m-buffer-" : "-");
    PutHex(g_buffer[i]);
    if ((i + 1) % kPrintedBytes == 0 || i + 1 == kept) PutLine("");
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
  PutPrintable(word);
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
