// Boxes of a detector: from an encoding relative to anchors, and how they overlap.
#ifndef TINYDEPLOY_KERNELS_DETECTION_BOXES_H_
#define TINYDEPLOY_KERNELS_DETECTION_BOXES_H_

#include <math.h>
#include <stdint.h>

#include "kernels/common/fixed_point.h"

namespace tinydeploy {

struct Corners {
  float y_min;
  float x_min;
  float y_max;
  float x_max;

  bool is_proper() const { return y_min < y_max && x_min < x_max; }
  float area() const { return (y_max - y_min) * (x_max - x_min); }
};

// Centre and size: of an anchor, of an encoded box, or what an encoding is divided by.
struct CenterSize {
  float y;
  float x;
  float height;
  float width;
};

inline Corners Decoded(const CenterSize& box, const CenterSize& anchor, const CenterSize& scale) {
  const float y = box.y / scale.y * anchor.height + anchor.y;
  const float x = box.x / scale.x * anchor.width + anchor.x;
  const float half_height = 0.5f * expf(box.height / scale.height) * anchor.height;
  const float half_width = 0.5f * expf(box.width / scale.width) * anchor.width;
  return {y - half_height, x - half_width, y + half_height, x + half_width};
}

// Intersection over union, in [0, 1].
inline float Overlap(const Corners& a, const Corners& b) {
  const float height = Min(a.y_max, b.y_max) - Max(a.y_min, b.y_min);
  const float width = Min(a.x_max, b.x_max) - Max(a.x_min, b.x_min);
  const float both = Max(height, 0.0f) * Max(width, 0.0f);
  return both / (a.area() + b.area() - both);
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_DETECTION_BOXES_H_
