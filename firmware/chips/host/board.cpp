// The PC as a board: the link runs over standard input and output. A 64-bit Linux program, for
// sanitizers, fuzzing and fast tests.
#include "board.h"

#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "board_config.h"

namespace tinydeploy {
namespace board {
namespace {

constexpr uint32_t kNanosecondsPerSecond = 1000000000;

bool HasInput(int timeout_ms) {
  pollfd input = {STDIN_FILENO, POLLIN, 0};
  return poll(&input, 1, timeout_ms) > 0;
}

constexpr uint32_t kModelPageBytes = 4096;

// The file that TINYDEPLOY_FLASH names, so that models survive the process; else memory.
uint8_t* MapModels(size_t bytes) {
  const char* name = getenv("TINYDEPLOY_FLASH");
  const int file = name == nullptr ? -1 : open(name, O_RDWR | O_CLOEXEC);
  const int flags = file < 0 ? MAP_PRIVATE | MAP_ANONYMOUS : MAP_SHARED;
  void* flash = mmap(nullptr, bytes, PROT_READ | PROT_WRITE, flags, file, 0);
  if (flash == MAP_FAILED) abort();
  if (file < 0) memset(flash, 0xFF, bytes);
  return static_cast<uint8_t*>(flash);
}

uint8_t* g_models;

}  // namespace

void Init() {
  if (TINYDEPLOY_SLOTS_BYTES != 0) g_models = MapModels(TINYDEPLOY_SLOTS_BYTES);
}

const char* Name() { return config::kName; }
uint32_t CpuHz() { return kNanosecondsPerSecond; }

uint32_t Cycles() {
  timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  const uint64_t seconds = static_cast<uint64_t>(now.tv_sec);
  return static_cast<uint32_t>(seconds * kNanosecondsPerSecond +
                               static_cast<uint64_t>(now.tv_nsec));
}

bool CyclesAreCpuCycles() { return false; }

// The end of the input is the end of the program: its parent has gone.
size_t Read(uint8_t* data, size_t capacity) {
  static uint8_t buffer[4096];
  static size_t next, end;
  if (next == end) {
    if (!HasInput(0)) return 0;
    const ssize_t got = read(STDIN_FILENO, buffer, sizeof(buffer));
    if (got <= 0) exit(0);
    next = 0;
    end = static_cast<size_t>(got);
  }
  const size_t count = end - next < capacity ? end - next : capacity;
  memcpy(data, buffer + next, count);
  next += count;
  return count;
}

void Write(const uint8_t* data, size_t bytes) {
  while (bytes != 0) {
    const ssize_t sent = write(STDOUT_FILENO, data, bytes);
    if (sent < 0) exit(0);
    data += sent;
    bytes -= static_cast<size_t>(sent);
  }
}

void Idle() { HasInput(-1); }
uint32_t Overruns() { return 0; }
void StartLink() {}
void RecoverLink() {}

void SetBusyLed(bool) {}
void SetFaultLed(bool) {}

void UniqueId(uint8_t id[8]) { memset(id, 0, 8); }
uint32_t ResetReason() { return 0; }

void Restart() {
  execl("/proc/self/exe", "tinydeploy", static_cast<char*>(nullptr));
  exit(1);
}

bool HasBootloaderEntry() { return false; }
void EnterBootloader() { Restart(); }

ModelFlash Models() { return {g_models, TINYDEPLOY_SLOTS_BYTES, kModelPageBytes}; }

void EraseModelPage(const uint8_t* page) {
  memset(const_cast<uint8_t*>(page), 0xFF, kModelPageBytes);
}

void WriteModelWords(const uint8_t* at, const uint32_t* words, size_t count) {
  auto* target = reinterpret_cast<uint32_t*>(const_cast<uint8_t*>(at));
  for (size_t i = 0; i < count; ++i) target[i] &= words[i];
}

MemoryUse Memory() { return {0, 0, 0}; }

}  // namespace board
}  // namespace tinydeploy
