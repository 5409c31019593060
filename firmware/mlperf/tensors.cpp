#include "mlperf/tensors.h"

#include <string.h>

#include "app/engine.h"
#include "mlperf/text.h"
#include "mlperf_program.h"
#include "tensorflow/lite/c/common.h"

namespace tinydeploy {
namespace mlperf {
namespace {

using tinydeploy_mlperf::Input;
using tinydeploy_mlperf::Result;

alignas(4) uint8_t g_bytes[tinydeploy_mlperf::kInputBytes];

engine::Tensor Find(abi::TensorKind kind) {
  engine::Tensor tensor = {};
  engine::Find(kind, 0, &tensor);
  return tensor;
}

float FloatAt(size_t index) {
  float value;
  memcpy(&value, g_bytes + index * sizeof(value), sizeof(value));
  return value;
}

int8_t Quantized(float value, float scale, int32_t zero_point) {
  const float steps = value / scale;
  const float rounded = steps < 0 ? steps - 0.5f : steps + 0.5f;
  const float limit = 1e6f;  // far outside of int8, well inside of int32
  const float bounded = rounded < -limit ? -limit : rounded > limit ? limit : rounded;
  const int32_t shifted = static_cast<int32_t>(bounded) + zero_point;
  return static_cast<int8_t>(shifted < -128 ? -128 : shifted > 127 ? 127 : shifted);
}

size_t ElementBytes(uint8_t type) {
  switch (type) {
    case kTfLiteFloat32:
      return 4;
    case kTfLiteInt16:
      return 2;
    default:
      return 1;
  }
}

float ValueAt(const engine::Tensor& tensor, size_t index) {
  const uint8_t type = tensor.description.type;
  const uint8_t* at = tensor.data + index * ElementBytes(type);
  if (type == kTfLiteFloat32) {
    float value;
    memcpy(&value, at, sizeof(value));
    return value;
  }
  int32_t raw = type == kTfLiteUInt8 ? *at : static_cast<int8_t>(*at);
  if (type == kTfLiteInt16) raw = static_cast<int16_t>(at[0] | at[1] << 8);
  return static_cast<float>(raw - tensor.description.zero_point) * tensor.description.scale;
}

// Anomaly detection: how far the output, a reconstruction, is from the input.
float MeanSquaredError(const engine::Tensor& output, size_t count) {
  float sum = 0;
  for (size_t i = 0; i < count; ++i) {
    const float difference = ValueAt(output, i) - FloatAt(i);
    sum += difference * difference;
  }
  return sum / static_cast<float>(count);
}

}  // namespace

uint8_t* const g_buffer = g_bytes;
const size_t kBufferBytes = sizeof(g_bytes);

const char* ModelName() { return tinydeploy_mlperf::kModel; }

void LoadTensor() {
  const engine::Tensor tensor = Find(abi::TensorKind::kInput);
  const auto& what = tensor.description;
  switch (tinydeploy_mlperf::kInput) {
    case Input::kRaw:
      memcpy(tensor.data, g_bytes, what.bytes);
      break;
    case Input::kUint8:
      for (size_t i = 0; i < what.bytes; ++i) tensor.data[i] = g_bytes[i] ^ 0x80;  // minus 128
      break;
    case Input::kFloat32:
      for (size_t i = 0; i < what.bytes; ++i) {
        tensor.data[i] = static_cast<uint8_t>(Quantized(FloatAt(i), what.scale, what.zero_point));
      }
      break;
  }
}

void PutResults() {
  const engine::Tensor output = Find(abi::TensorKind::kOutput);
  const size_t count = output.description.bytes / ElementBytes(output.description.type);
  Put("m-results-[");
  if (tinydeploy_mlperf::kResult == Result::kMeanSquaredError) {
    PutDecimal(MeanSquaredError(output, count));
  } else {
    for (size_t i = 0; i < count; ++i) {
      if (i != 0) Put(",");
      PutDecimal(ValueAt(output, i));
    }
  }
  PutLine("]");
}

}  // namespace mlperf
}  // namespace tinydeploy
