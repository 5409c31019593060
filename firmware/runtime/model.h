// A .tflite model in memory, checked once and then read through views.
#ifndef TINYDEPLOY_RUNTIME_MODEL_H_
#define TINYDEPLOY_RUNTIME_MODEL_H_

#include <stdint.h>

#include "runtime/diagnosis.h"
#include "runtime/flatbuffer.h"
#include "runtime/tensor.h"

namespace tinydeploy {

constexpr int kCustomOp = 32;  // BuiltinOperator_CUSTOM

// An operator as the model file describes it.
struct OpView {
  int builtin_code = -1;
  Vector<int32_t> inputs;  // tensor indices, -1 for an omitted one
  Vector<int32_t> outputs;
  Table options;  // the table of builtin options; not present if the op has none
  Vector<uint8_t> custom_name;
  Vector<uint8_t> custom_options;  // a FlexBuffer

  bool is_custom() const { return builtin_code == kCustomOp; }
  bool is_named(const char* name) const;  // of a custom operator
};

class Subgraph {
 public:
  Subgraph() = default;
  Subgraph(const Table& model, const Table& subgraph);

  int tensor_count() const { return tensors_.size(); }
  int op_count() const { return operators_.size(); }
  const Vector<int32_t>& inputs() const { return inputs_; }
  const Vector<int32_t>& outputs() const { return outputs_; }
  TensorView tensor(int index) const;
  Type tensor_type(int index) const;
  OpView op(int index) const;

  // Checks everything that the views and the kernels rely on.
  Status Verify(Diagnosis& diagnosis) const;

 private:
  Status VerifyTensor(int index, Diagnosis& diagnosis) const;
  Status VerifyConstant(int index, const TensorView& view, const Table& tensor,
                        Diagnosis& diagnosis) const;
  Status VerifyOp(int index, Diagnosis& diagnosis) const;
  bool IndicesFit(const Vector<int32_t>& indices, int lowest) const;

  Tables operator_codes_;
  Tables buffers_;
  Table table_;
  Tables tensors_;
  Tables operators_;
  Vector<int32_t> inputs_;
  Vector<int32_t> outputs_;
};

// Opens a model of `bytes` bytes (an upper bound if the exact length is unknown) and verifies the
// main subgraph.
Status OpenModel(const void* data, uint32_t bytes, Subgraph* main, Diagnosis& diagnosis);

// Another subgraph of a model that OpenModel has accepted; verified too.
Status OpenSubgraph(const void* data, uint32_t bytes, int index, Subgraph* out,
                    Diagnosis& diagnosis);

// A memory plan made ahead of time that the model carries, as TFLM takes it: a version, the number
// of subgraphs, the number of offsets that follow, and an offset into the arena for each tensor of
// all subgraphs, -1 for none. Empty if there is none.
Vector<int32_t> OfflinePlan(const void* data, uint32_t bytes);

// The schema version that the file states, 0 if it is no model.
uint32_t ModelVersion(const void* data);

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_MODEL_H_
