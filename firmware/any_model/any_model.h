// Runs models that arrive at run time, as an application of the TFLM API would: for fuzzers.
// Two faces: host.cpp serves a pipe on the PC, bare.cpp is called by the simulator.
#ifndef TINYDEPLOY_ANY_MODEL_ANY_MODEL_H_
#define TINYDEPLOY_ANY_MODEL_ANY_MODEL_H_

#include <stdint.h>

namespace tinydeploy {
namespace any_model {

// Fixed width and little-endian on both sides, so that Python packs it.
struct Request {
  uint32_t model_bytes;
  uint32_t arena_bytes;
  uint32_t preserve_tensors;
  uint32_t runs;  // inferences; the inputs of each follow one another. 0: tell the memory plan
  uint32_t input_bytes;  // of all runs
};

struct Reply {
  uint32_t ok;
  uint32_t arena_used;
  int32_t op_index;
  int32_t builtin_code;
  uint32_t reason_bytes;
  uint32_t output_bytes;
};

struct Memory {
  const uint8_t* model;
  const uint8_t* inputs;
  uint8_t* arena;
  // Called once, with the bytes of all runs' outputs, when the model was accepted; null: no room.
  // Instead of outputs the memory plan: an int32_t for each tensor of the main subgraph, its offset
  // in the arena aligned to 16, -1 if it has no place there.
  uint8_t* (*outputs)(uint32_t bytes);
};

// All operators are registered. `reason` gets a line of at most 95 characters.
Reply Run(const Request& request, const Memory& memory, char* reason);

}  // namespace any_model
}  // namespace tinydeploy

#endif  // TINYDEPLOY_ANY_MODEL_ANY_MODEL_H_
