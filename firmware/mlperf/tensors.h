// The model's input from the runner's bytes, and its output as the runner wants it. tensors.cpp is
// the only file of this folder that includes the generated mlperf_program.h.
#ifndef TINYDEPLOY_MLPERF_TENSORS_H_
#define TINYDEPLOY_MLPERF_TENSORS_H_

#include <stddef.h>
#include <stdint.h>

namespace tinydeploy {
namespace mlperf {

// The input as the runner sends it. Kept apart from the tensor, whose memory an inference uses for
// other things.
extern uint8_t* const g_buffer;
extern const size_t kBufferBytes;

const char* ModelName();
void LoadTensor();
void PutResults();  // m-results-[...]

}  // namespace mlperf
}  // namespace tinydeploy

#endif  // TINYDEPLOY_MLPERF_TENSORS_H_
