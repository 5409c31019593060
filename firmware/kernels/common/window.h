// A window that slides over the height and width of an NHWC image.
#ifndef TINYDEPLOY_KERNELS_COMMON_WINDOW_H_
#define TINYDEPLOY_KERNELS_COMMON_WINDOW_H_

#include <stdint.h>

#include "runtime/flatbuffer.h"
#include "runtime/tensor.h"

namespace tinydeploy {

// Along one axis.
struct SlidingWindow {
  int32_t input;   // elements
  int32_t output;  // positions of the window
  int32_t filter;  // taps
  int32_t stride;
  int32_t dilation;  // elements from tap to tap
  int32_t padding;   // elements before the input

  // Taps [begin, end) that lie inside of the input at a position of the window.
  struct Taps {
    int32_t origin;  // input index of tap 0, may be negative
    int32_t begin;
    int32_t end;
  };
  Taps at(int32_t position) const {
    const int32_t origin = position * stride - padding;
    const int32_t begin = origin < 0 ? (-origin + dilation - 1) / dilation : 0;
    const int32_t room = (input - origin + dilation - 1) / dilation;
    return {origin, begin, room < filter ? (room < begin ? begin : room) : filter};
  }
};

enum class Padding : int8_t { kSame = 0, kValid = 1 };

// Completes `output` and `padding` from the rest. False if the window does not fit or a value is
// out of range.
bool PlaceWindow(Padding padding, SlidingWindow* slide);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_COMMON_WINDOW_H_
