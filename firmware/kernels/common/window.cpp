#include "kernels/common/window.h"

namespace tinydeploy {
namespace {

constexpr int32_t kMaxStep = 1 << 16;  // keeps positions inside 32 bits
constexpr int32_t kMaxInput = 1 << 28;

}  // namespace

bool PlaceWindow(Padding padding, Slide* slide) {
  const Slide& s = *slide;
  if (s.input < 1 || s.input > kMaxInput || s.filter < 1 || s.filter > kMaxStep || s.stride < 1 ||
      s.stride > kMaxStep || s.dilation < 1 || s.dilation > kMaxStep) {
    return false;
  }
  const int64_t reach = static_cast<int64_t>(s.filter - 1) * s.dilation + 1;
  const int64_t input =
      padding == Padding::kSame ? s.input + s.stride - 1 : s.input + s.stride - reach;
  const int64_t output = input / s.stride;
  if (reach > kMaxInput || output < 1) return false;
  const int64_t missing = (output - 1) * s.stride + reach - s.input;
  slide->output = static_cast<int32_t>(output);
  slide->padding = missing > 0 ? static_cast<int32_t>(missing / 2) : 0;
  return padding == Padding::kSame || padding == Padding::kValid;
}

}  // namespace tinydeploy
