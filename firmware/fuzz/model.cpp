// Any bytes as a model: the flatbuffer reader, Prepare and Eval of every operator, in an arena with
// red zones. Its last bytes are the input, too.
#include <setjmp.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/time.h>

#include "any_model/any_model.h"
#include "runtime/red_zones.h"

namespace {

constexpr size_t kArenaBytes = 1 << 18;
constexpr size_t kInputBytes = 64;

sigjmp_buf g_too_long;
uint8_t* g_outputs;

uint8_t* MakeOutputs(uint32_t bytes) {
  g_outputs = static_cast<uint8_t*>(malloc(bytes == 0 ? 1 : bytes));
  return g_outputs;
}

void GiveUp(int) { siglongjmp(g_too_long, 1); }

// A WHILE may never end, in TFLM too: a second of CPU time, 0 for no limit.
void Limit(long seconds) {
  const itimerval timer = {{0, 0}, {seconds, 0}};
  setitimer(ITIMER_VIRTUAL, &timer, nullptr);
}

}  // namespace

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  signal(SIGVTALRM, GiveUp);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace tinydeploy;
  const uint32_t input_bytes = size < kInputBytes ? 0 : kInputBytes;
  static uint8_t* const arena = static_cast<uint8_t*>(malloc(kArenaBytes));
  const any_model::Request request = {static_cast<uint32_t>(size), kArenaBytes, 0, 1, input_bytes};
  char reason[96];
  g_outputs = nullptr;
  if (sigsetjmp(g_too_long, 1) == 0) {
    Limit(1);
    any_model::Run(request, {data, data + size - input_bytes, arena, MakeOutputs}, reason);
  }
  Limit(0);
  red_zones::Open(arena, kArenaBytes);
  free(g_outputs);
  return 0;
}
