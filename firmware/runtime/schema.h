// Field numbers of the tables in TensorFlow Lite's schema (version 3) that the runtime reads.
#ifndef TINYDEPLOY_RUNTIME_SCHEMA_H_
#define TINYDEPLOY_RUNTIME_SCHEMA_H_

#include <stdint.h>

namespace tinydeploy {
namespace schema {

constexpr char kIdentifier[] = "TFL3";
constexpr uint32_t kVersion = 3;

namespace model {
enum : int { kVersion = 0, kOperatorCodes = 1, kSubgraphs = 2, kBuffers = 4, kMetadata = 6 };
}
namespace metadata {
enum : int { kName = 0, kBuffer = 1 };
}
namespace operator_code {
enum : int { kDeprecatedBuiltinCode = 0, kCustomCode = 1, kVersion = 2, kBuiltinCode = 3 };
}
namespace subgraph {
enum : int { kTensors = 0, kInputs = 1, kOutputs = 2, kOperators = 3 };
}
namespace tensor {
enum : int {
  kShape = 0,
  kType = 1,
  kBuffer = 2,
  kQuantization = 4,
  kIsVariable = 5,
  kSparsity = 6,
};
}
namespace quantization {
enum : int { kScale = 2, kZeroPoint = 3, kQuantizedDimension = 6 };
}
namespace op {
enum : int {
  kOpcodeIndex = 0,
  kInputs = 1,
  kOutputs = 2,
  kBuiltinOptions = 4,
  kCustomOptions = 5,
};
}
namespace buffer {
enum : int { kData = 0, kOffset = 1 };
}

}  // namespace schema
}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_SCHEMA_H_
