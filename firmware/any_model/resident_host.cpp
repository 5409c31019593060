// Reads on stdin, until end of file: the index of a plan, the size of an arena, `fresh` and the
// arena; runs the plan on it and writes it to stdout. With the index kLoad the bytes are the path
// of the shared library with the plans that are meant from then on, and the answer is empty. In
// builds with red zones the bytes that each step may touch come before the arena, see zones.h.
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>

#include "any_model/resident.h"
#include "any_model/zones.h"

namespace {

using tinydeploy::compiled::Plan;

constexpr uint32_t kLoad = 0xFFFFFFFF;
constexpr char kPlansSymbol[] = "_ZN10tinydeploy8compiled6kPlansE";

void ReadExactly(void* to, size_t bytes) {
  if (bytes != 0 && fread(to, 1, bytes, stdin) != bytes) exit(0);
}

const Plan* const* Load(const char* path, void** library) {
  if (*library != nullptr) dlclose(*library);
  *library = dlopen(path, RTLD_NOW);
  if (*library == nullptr) {
    fprintf(stderr, "%s\n", dlerror());
    exit(3);
  }
  return static_cast<const Plan* const*>(dlsym(*library, kPlansSymbol));
}

#ifdef TINYDEPLOY_RED_ZONES
uint32_t* ReadZones() {
  uint32_t count;
  ReadExactly(&count, sizeof(count));
  auto* words = static_cast<uint32_t*>(malloc(count * sizeof(uint32_t)));
  ReadExactly(words, count * sizeof(uint32_t));
  return words;
}
void Run(const Plan* plan, uint8_t* arena, const uint32_t head[3], uint32_t* zones) {
  tinydeploy::any_model::RunInZones(plan, {arena, head[1]}, head[2], zones);
  free(zones);
}
#else
uint32_t* ReadZones() { return nullptr; }
void Run(const Plan* plan, uint8_t* arena, const uint32_t head[3], uint32_t*) {
  RunGivenPlan(plan, arena, head[2]);
}
#endif

}  // namespace

int main() {
  void* library = nullptr;
  const Plan* const* plans = nullptr;
  for (;;) {
    uint32_t head[3];
    ReadExactly(head, sizeof(head));
    uint32_t* const zones = head[0] == kLoad ? nullptr : ReadZones();
    auto* bytes = static_cast<uint8_t*>(malloc(head[1] + 1));  // aligned to 16
    ReadExactly(bytes, head[1]);
    bytes[head[1]] = 0;
    if (head[0] == kLoad) {
      plans = Load(reinterpret_cast<const char*>(bytes), &library);
    } else {
      Run(plans[head[0]], bytes, head, zones);
      fwrite(bytes, 1, head[1], stdout);
      fflush(stdout);
    }
    free(bytes);
  }
}
