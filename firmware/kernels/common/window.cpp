#include "kernels/common/window.h"

namespace tinydeploy {
namespace {

constexpr int32_t kMaxStep = limits::kWindowStep, kMaxInput = limits::kWindowInput;

}  // namespace

bool PlaceWindow(Padding padding, Slide* slide) {
  const Slide& s = *slide;
  if (s.input < 1 || s.input > kMaxInput || s.filter < 1 || s.filter > kMaxStep || s.stride < 1 ||
      s.stride > kMaxStep || s.dilation < 1 || s.dilation > kMaxStep) {
    return false;
  }
  const int64_t wide_reach = static_cast<int64_t>(s.filter - 1) * s.dilation + 1;
  if (wide_reach > kMaxInput) return false;
  const auto reach = static_cast<int32_t>(wide_reach);
  const int32_t covered = padding == Padding::kSame ? 1 : reach;
  const int32_t output = (s.input + s.stride - covered) / s.stride;
  if (output < 1) return false;
  const int32_t missing = (output - 1) * s.stride + reach - s.input;
  slide->output = output;
  slide->padding = missing > 0 ? missing / 2 : 0;
  return padding == Padding::kSame || padding == Padding::kValid;
}

}  // namespace tinydeploy
