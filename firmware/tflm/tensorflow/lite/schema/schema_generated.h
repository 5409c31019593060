// The model file as an application sees it. The runtime reads the rest with runtime/model.h.
#ifndef TENSORFLOW_LITE_SCHEMA_SCHEMA_GENERATED_H_
#define TENSORFLOW_LITE_SCHEMA_SCHEMA_GENERATED_H_

#include <stdint.h>

#define TFLITE_SCHEMA_VERSION 3

namespace tflite {

// Start of a model in memory; never constructed.
struct Model {
  uint32_t version() const;
  Model() = delete;
};

// `buffer` holds a .tflite, aligned to 16 bytes (4 at least).
inline const Model* GetModel(const void* buffer) { return static_cast<const Model*>(buffer); }

}  // namespace tflite

#endif  // TENSORFLOW_LITE_SCHEMA_SCHEMA_GENERATED_H_
