#include "kernels/common/window.h"

namespace tinydeploy {
namespace {

constexpr int32_t kMaxFilter = limits::kWindowStep, kMaxInput = limits::kWindowInput;
constexpr int32_t kMaxShort = limits::kWindowShort;

bool IsWithin(int32_t value, int32_t most) { return value >= 1 && value <= most; }

}  // namespace

bool PlaceWindow(Padding padding, SlidingWindow* slide) {
  const SlidingWindow& s = *slide;
  if (!IsWithin(s.input, kMaxInput) || !IsWithin(s.filter, kMaxFilter) ||
      !IsWithin(s.stride, kMaxShort) || !IsWithin(s.dilation, kMaxShort)) {
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
  if (slide->padding > kMaxShort) return false;
  return padding == Padding::kSame || padding == Padding::kValid;
}

}  // namespace tinydeploy
