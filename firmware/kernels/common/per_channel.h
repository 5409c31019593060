// Requantization of each output channel of convolutions and fully connected layers.
#ifndef TINYDEPLOY_KERNELS_COMMON_PER_CHANNEL_H_
#define TINYDEPLOY_KERNELS_COMMON_PER_CHANNEL_H_

#include <stdint.h>

#include "kernels/common/fixed_point.h"
#include "runtime/tensor.h"

namespace tinydeploy {

// Trailing bytes of a params struct for `channels` multipliers and shifts.
constexpr uint32_t PerChannelBytes(int32_t channels) {
  return static_cast<uint32_t>(channels) * (sizeof(int32_t) + sizeof(int8_t));
}

// The arrays that follow `params`.
template <class Params>
const int32_t* Multipliers(const Params& params) {
  return reinterpret_cast<const int32_t*>(&params + 1);
}
template <class Params>
const int8_t* Shifts(const Params& params, int32_t channels) {
  return reinterpret_cast<const int8_t*>(Multipliers(params) + channels);
}

// Fills the arrays at `behind` from scales: input * filter[channel] / output. False if a ratio is
// out of range or the filter has neither one scale nor one for each channel.
bool FillPerChannel(const TensorView& input, const TensorView& filter, const TensorView& output,
                    int32_t channels, void* behind);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_PER_CHANNEL_H_
