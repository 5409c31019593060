#include "app/slots_self_test.h"

#include <string.h>

#include "app/engine.h"
#include "tensorflow/lite/c/common.h"

namespace tinydeploy {
namespace slots {
namespace {

constexpr float kRelativeTolerance = 1e-5f;
constexpr float kAbsoluteTolerance = 1e-6f;

uint32_t BytesOf(abi::TensorKind kind, int count) {
  uint32_t bytes = 0;
  for (int i = 0; i < count; ++i) {
    engine::Tensor tensor;
    if (engine::Find(kind, i, &tensor) == abi::Status::kOk) bytes += tensor.description.bytes;
  }
  return bytes;
}

// The vectors were made for this model: inputs and outputs take just their room.
bool Fits(const Slot& slot) {
  const uint32_t bytes = BytesOf(abi::TensorKind::kInput, engine::InputCount()) +
                         BytesOf(abi::TensorKind::kOutput, engine::OutputCount());
  const uint32_t room = slot.header().vector_bytes;
  return bytes <= room && room - bytes < sizeof(uint32_t);
}

bool IsClose(float ours, float expected) {
  if (ours == expected || (ours != ours && expected != expected)) return true;
  const float difference = ours > expected ? ours - expected : expected - ours;
  const float size = expected < 0 ? -expected : expected;
  return difference <= kAbsoluteTolerance + kRelativeTolerance * size;
}

bool AreClose(const uint8_t* ours, const uint8_t* expected, uint32_t bytes) {
  for (uint32_t at = 0; at + sizeof(float) <= bytes; at += sizeof(float)) {
    float pair[2];
    memcpy(&pair[0], ours + at, sizeof(float));
    memcpy(&pair[1], expected + at, sizeof(float));
    if (!IsClose(pair[0], pair[1])) return false;
  }
  return true;
}

bool IsExpected(const engine::Tensor& tensor, const uint8_t* expected) {
  const uint32_t bytes = tensor.description.bytes;
  return tensor.description.type == kTfLiteFloat32 ? AreClose(tensor.data, expected, bytes)
                                                   : memcmp(tensor.data, expected, bytes) == 0;
}

bool Answers(const uint8_t* vector) {
  engine::Tensor tensor;
  for (int i = 0; i < engine::InputCount(); ++i) {
    if (engine::Find(abi::TensorKind::kInput, i, &tensor) != abi::Status::kOk) return false;
    if (tensor.data == nullptr) return false;
    memcpy(tensor.data, vector, tensor.description.bytes);
    vector += tensor.description.bytes;
  }
  if (!engine::Run(0, static_cast<int>(abi::kAllOps)).ok) return false;
  for (int i = 0; i < engine::OutputCount(); ++i) {
    if (engine::Find(abi::TensorKind::kOutput, i, &tensor) != abi::Status::kOk) return false;
    if (tensor.data == nullptr || !IsExpected(tensor, vector)) return false;
    vector += tensor.description.bytes;
  }
  return true;
}

}  // namespace

bool PassesSelfTest(const Slot& slot, uint32_t* passed) {
  if (slot.header().vector_count == 0 || !Fits(slot)) return false;  // none is no test
  for (*passed = 0; *passed < slot.header().vector_count; ++*passed) {
    if (!Answers(slot.vector(*passed))) return false;
  }
  return true;
}

}  // namespace slots
}  // namespace tinydeploy
