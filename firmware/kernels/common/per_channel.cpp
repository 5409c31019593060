#include "kernels/common/per_channel.h"

#include "kernels/common/quantization.h"

namespace tinydeploy {

bool FillPerChannel(const TensorView& input, const TensorView& filter, const TensorView& output,
                    int32_t channels, void* behind) {
  const int scales = filter.scales.size();
  if (scales != 1 && scales != channels) return false;
  auto* multipliers = static_cast<int32_t*>(behind);
  auto* shifts = reinterpret_cast<int8_t*>(multipliers + channels);
  for (int32_t c = 0; c < channels; ++c) {
    const float scale = filter.scale(scales == 1 ? 0 : c);
    Multiplier factor;
    if (!QuantizeProduct(input.scale(), scale, output.scale(), &factor)) return false;
    multipliers[c] = factor.multiplier;
    shifts[c] = static_cast<int8_t>(factor.shift);
  }
  return true;
}

}  // namespace tinydeploy
