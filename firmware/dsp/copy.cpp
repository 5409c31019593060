#include "dsp/copy.h"

#include "dsp/bytes.h"

namespace tinydeploy {
extern "C" {

void td_copy(const CopyParams* params, const int8_t* input, int8_t* output) {
  for (uint32_t row = 0; row < params->rows; ++row) {
    CopyBytes(output, input, static_cast<int32_t>(params->bytes));
    input += params->input_step;
    output += params->output_step;
  }
}

void td_fill(const FillParams* params, int8_t* output) {
  FillBytes(output, static_cast<int8_t>(params->value), static_cast<int32_t>(params->bytes));
}

}  // extern "C"
}  // namespace tinydeploy
