#include "dsp/fully_connected.h"

#include "dsp/bytes.h"

namespace tinydeploy {
extern "C" {

void td_fully_connected(const FullyConnectedParams* params, const int8_t* input,
                        const uint32_t* stream, int8_t* output, uint32_t* scratch, DotOne* dot) {
  const int32_t depth = params->depth, units = params->units;
  const int32_t words = (depth + 3) / 4;
  const int32_t octets = units / kOctet, rest = units % kOctet;
  for (int32_t batch = 0; batch < params->batches; ++batch) {
    td_widen(input, words, scratch);
    const uint32_t* end = stream;
    if (octets > 0) end = dot(scratch, stream, output, 2 * words, octets);
    if (rest > 0) {
      uint32_t last[kOctet / 4];  // nothing after the output may change
      auto* bytes = reinterpret_cast<int8_t*>(last);
      dot(scratch, end, bytes, 2 * words, 1);
      CopyBytes(output + kOctet * octets, bytes, rest);
    }
    input += depth;
    output += units;
  }
}

}  // extern "C"
}  // namespace tinydeploy
