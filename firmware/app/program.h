// What the build put in: the model, its operators, its arena. program.cpp is the only file that
// includes the generated model.h, so another model rebuilds two files.
#ifndef TINYDEPLOY_APP_PROGRAM_H_
#define TINYDEPLOY_APP_PROGRAM_H_

#include <stddef.h>
#include <stdint.h>

#include "tensorflow/lite/micro/micro_op_resolver.h"

namespace tinydeploy {
namespace program {

struct Model {
  const unsigned char* data;  // the .tflite, aligned to 16
  uint32_t bytes;
  const uint8_t* hash;  // 32 bytes, SHA-256 of the .tflite
};
Model BuiltIn();
const uint8_t* PushKey();  // kMacKeyBytes, or null: any whole model may be pushed
const uint8_t* BuildId();  // 16 bytes, of the SHA-256 of the build's inputs
uint8_t* Arena();
size_t ArenaBytes();

// Room for the cycles of each operator, or of each step of a plan.
uint32_t* StepCycles();
int StepCount();

// The resolver with the model's operators, or with all in a build for hot swap; null if one could
// not be added.
const tflite::MicroOpResolver* Resolver();

}  // namespace program
}  // namespace tinydeploy

#endif  // TINYDEPLOY_APP_PROGRAM_H_
