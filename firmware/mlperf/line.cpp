// Tells commands from frames. A frame from the host begins, right after its delimiter, with the
// byte 2: COBS's count up to the zero status in the header of every request. Whatever else comes is
// text, a stray byte too: that spoils one command, which is answered as an unknown one.
#include "board.h"
#include "mlperf/mlperf.h"
#include "mlperf/text.h"

namespace tinydeploy {
namespace mlperf {
namespace {

// The runner's longest command is `db` with 31 bytes in hexadecimal.
constexpr size_t kLineBytes = 96;

constexpr uint8_t kDelimiter = 0, kFrameStart = 2;

char g_line[kLineBytes];
size_t g_length;
bool g_after_delimiter, g_in_frame;
bool g_running;

void End() {
  const bool fits = g_length < kLineBytes;
  if (fits) g_line[g_length] = 0;
  g_length = 0;
  g_running = true;
  if (fits) {
    Run(g_line);
  } else {
    PutLine("e-[Command too long]");
    PutLine("m-ready");
  }
  g_running = false;
}

bool IsBetweenCommands(uint8_t byte) { return byte == ' ' || byte == '\r' || byte == '\n'; }

// Whether `byte` belongs to a command.
bool Take(uint8_t byte) {
  if (byte == kDelimiter) {  // what came before was no command
    g_length = 0;
    g_after_delimiter = true;
    g_in_frame = false;
    return false;
  }
  if (g_after_delimiter && byte == kFrameStart) g_in_frame = true;
  g_after_delimiter = false;
  if (g_in_frame) return false;
  if (byte == '%') {
    End();
  } else if (g_length < kLineBytes && !(g_length == 0 && IsBetweenCommands(byte))) {
    g_line[g_length++] = static_cast<char>(byte);
  }
  return true;
}

}  // namespace

size_t Read(uint8_t* data, size_t capacity) {
  size_t kept = 0;
  uint8_t byte;
  // The firmware polls between operators too: nothing is read while a command runs.
  while (!g_running && kept < capacity && board::Read(&byte, 1) == 1) {
    if (!Take(byte)) data[kept++] = byte;
  }
  return kept;
}

}  // namespace mlperf
}  // namespace tinydeploy
