#include "dsp/copy.h"

#include "dsp/bytes.h"

namespace tinydeploy {
extern "C" {

void td_copy(const CopyParams* params, const int8_t* input, int8_t* output) {
  for (uint32_t row = 0; row < params->rows; ++row) {
    CopyBytes(output, input, static_cast<int32_t>(params->bytes));
    input += params->input_stride;
    output += params->output_stride;
  }
}

void td_fill(const FillParams* params, int8_t* output) {
  FillBytes(output, static_cast<int8_t>(params->value), static_cast<int32_t>(params->bytes));
}

void td_fill_words(const FillParams* params, int8_t* output) {
  const auto word = static_cast<uint32_t>(params->value);
  int32_t left = static_cast<int32_t>(params->bytes);
  for (; left >= 4; left -= 4, output += 4) {
    StoreWord(output, word);
    Opaque(&left);
  }
  if (left != 0) {  // half a word: elements of 16 bits
    output[0] = static_cast<int8_t>(word);
    output[1] = static_cast<int8_t>(word >> 8);
  }
}

}  // extern "C"
}  // namespace tinydeploy
