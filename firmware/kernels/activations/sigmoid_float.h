// Logistic and tanh of floats, within 2e-6 of TFLM's.
#ifndef TINYDEPLOY_KERNELS_ACTIVATIONS_SIGMOID_FLOAT_H_
#define TINYDEPLOY_KERNELS_ACTIVATIONS_SIGMOID_FLOAT_H_

#include <math.h>

namespace tinydeploy {

inline float Logistic(float x) {
  if (x < 0.0f) {
    const float e = expf(x);
    return e / (1.0f + e);
  }
  return 1.0f / (1.0f + expf(-x));
}

// From expf alone: the device has no tanhf. A polynomial where the quotient would cancel.
inline float Tanh(float x) {
  const float magnitude = fabsf(x);
  if (magnitude < 0.25f) {
    const float s = x * x;
    return x * (1.0f + s * (-1.0f / 3 + s * (2.0f / 15 + s * (-17.0f / 315 + s * (62.0f / 2835)))));
  }
  const float e = magnitude < 10.0f ? expf(-2.0f * magnitude) : 0.0f;
  const float result = (1.0f - e) / (1.0f + e);
  return x < 0.0f ? -result : result;
}

}  // namespace tinydeploy

#endif  // TINYDEPLOY_KERNELS_ACTIVATIONS_SIGMOID_FLOAT_H_
