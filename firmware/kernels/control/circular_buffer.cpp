// CIRCULAR_BUFFER: the last `slots` inputs. All but every `cycles_max`-th inference end here.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"
#include "runtime/flexbuffer.h"

namespace tinydeploy {
namespace {

struct CircularBufferParams {
  int32_t slots;
  int32_t slot_bytes;
  int32_t cycles;  // inferences of which one goes on
};

// Followed by the inputs that are remembered: the output tensor's memory belongs to others too.
struct CircularBufferState {
  int32_t cycle;
};

Status EvalCircularBuffer(const void* params, void* const* args) {
  const auto& p = *static_cast<const CircularBufferParams*>(params);
  auto* state = static_cast<CircularBufferState*>(args[2]);
  auto* slots = reinterpret_cast<uint8_t*>(state + 1);
  const auto slot = static_cast<size_t>(p.slot_bytes);
  const auto older = slot * static_cast<size_t>(p.slots - 1);
  memmove(slots, slots + slot, older);
  memcpy(slots + older, args[0], slot);
  memcpy(args[1], slots, older + slot);
  if (++state->cycle < p.cycles) return Status::kStopped;
  state->cycle = 0;
  return Status::kOk;
}

}  // namespace

Status PrepareCircularBuffer(PrepareContext& context) {
  const TensorView input = context.input(0);
  const TensorView output = context.output(0);
  if (input.type != Type::kInt8 || output.type != Type::kInt8) return RefuseTypes(context);
  const Shape& in = input.shape;
  const Shape& out = output.shape;
  if (in.rank != 4 || out.rank != 4 || in[0] != 1 || out[0] != 1 || in[1] != 1 || out[1] < 1 ||
      in[2] != out[2] || in[3] != out[3]) {
    return RefuseShapes(context);
  }
  const int32_t cycles = FlexMap(context.custom_options()).integer("cycles_max", 0);
  if (cycles < 1) return RefuseOptions(context);
  auto* params = context.Params<CircularBufferParams>();
  if (params == nullptr) return kNoMemory;
  *params = {out[1], in[2] * in[3], cycles};
  context.SetEval(EvalCircularBuffer);
  return context.State(static_cast<uint32_t>(sizeof(CircularBufferState)) + output.bytes);
}

}  // namespace tinydeploy
