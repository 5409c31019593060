#include "runtime/model.h"
#include "tensorflow/lite/schema/schema_generated.h"

namespace tflite {

uint32_t Model::version() const { return tinydeploy::ModelVersion(this); }

}  // namespace tflite
