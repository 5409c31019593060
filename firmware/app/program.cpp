#include "app/program.h"

#include "app/static_storage.h"
#include "model.h"
#ifdef TINYDEPLOY_HOT_SWAP
#include "app/slots_ops.h"
#endif

#if defined(__has_include)
#if __has_include("tinydeploy_build.h")
#include "tinydeploy_build.h"
#endif
#endif
#ifndef TINYDEPLOY_BUILD_ID  // a build that was not started by tinydeploy
#define TINYDEPLOY_BUILD_ID \
  {                         \
  }
#endif

#ifdef ARDUINO
#define TINYDEPLOY_ARENA_SECTION  // the core's linker script knows no such section
constexpr int kLinkedArenaBytes = tinydeploy_model::kTflmArenaBytes;
static_assert(kLinkedArenaBytes > 0, "compile the model with the tflite-micro package installed");
#else
#define TINYDEPLOY_ARENA_SECTION __attribute__((section(".bss.arena")))
constexpr int kLinkedArenaBytes = tinydeploy_model::kArenaBytes;
#endif

// Not zeroed at start-up. Named for the build, which takes it out of the static RAM.
extern "C" {
alignas(16) uint8_t g_tensor_arena[kLinkedArenaBytes] TINYDEPLOY_ARENA_SECTION;
}

namespace tinydeploy {
namespace program {
namespace {

constexpr uint8_t kBuildId[16] = TINYDEPLOY_BUILD_ID;
#ifdef TINYDEPLOY_PUSH_KEY
constexpr uint8_t kPushKey[32] = TINYDEPLOY_PUSH_KEY;
#else
constexpr const uint8_t* kPushKey = nullptr;
#endif
#ifdef TINYDEPLOY_HOT_SWAP
constexpr int kSteps = 128;  // of models that come later; what longer ones do is not profiled
#else
constexpr int kSteps = tinydeploy_model::kStepCount;
#endif
uint32_t g_step_cycles[kSteps > 0 ? kSteps : 1];

}  // namespace

Model BuiltIn() { return {g_model, g_model_len, tinydeploy_model::kHash}; }
const uint8_t* PushKey() { return kPushKey; }
const uint8_t* BuildId() { return kBuildId; }
uint8_t* Arena() { return g_tensor_arena; }
size_t ArenaBytes() { return sizeof(g_tensor_arena); }
uint32_t* StepCycles() { return g_step_cycles; }
int StepCount() { return kSteps; }

#ifdef TINYDEPLOY_HOT_SWAP

const tflite::MicroOpResolver* Resolver() { return &slots::AllOps(); }

#else

const tflite::MicroOpResolver* Resolver() {
  static StaticStorage<tinydeploy_model::OpResolver> place;
  tinydeploy_model::OpResolver* resolver = place.Make();
  return tinydeploy_model::RegisterOps(*resolver) == kTfLiteOk ? resolver : nullptr;
}

#endif

}  // namespace program
}  // namespace tinydeploy
