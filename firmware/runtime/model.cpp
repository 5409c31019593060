#include "runtime/model.h"

#include <string.h>

#include "runtime/schema.h"

namespace tinydeploy {
namespace {

// Files from before 2020 have the code only in the byte-sized field; codes above 127 only in the
// other.
int BuiltinCode(const Table& code) {
  const int byte = code.get<int8_t>(schema::operator_code::kDeprecatedBuiltinCode, 0);
  const int word = code.get<int32_t>(schema::operator_code::kBuiltinCode, 0);
  return byte > word ? byte : word;
}

bool IsText(const Vector<uint8_t>& vector, const char* text) {
  const size_t length = strlen(text);
  return length == static_cast<size_t>(vector.size()) && memcmp(vector.data(), text, length) == 0;
}

Shape ShapeOf(const Vector<int32_t>& dims) {
  Shape shape;
  shape.rank = dims.size() < kMaxRank ? dims.size() : kMaxRank;
  for (int i = 0; i < shape.rank; ++i) shape.dims[i] = dims[i];
  return shape;
}

}  // namespace

bool OpView::is_named(const char* name) const { return IsText(custom_name, name); }

Subgraph::Subgraph(const Table& model, const Table& subgraph)
    : operator_codes_(model.tables(schema::model::kOperatorCodes)),
      buffers_(model.tables(schema::model::kBuffers)),
      table_(subgraph),
      tensors_(subgraph.tables(schema::subgraph::kTensors)),
      operators_(subgraph.tables(schema::subgraph::kOperators)),
      inputs_(subgraph.vector<int32_t>(schema::subgraph::kInputs)),
      outputs_(subgraph.vector<int32_t>(schema::subgraph::kOutputs)) {}

TensorView Subgraph::tensor(int index) const {
  const Table table = tensors_[index];
  const Table quantization = table.table(schema::tensor::kQuantization);
  const Table buffer = buffers_[static_cast<int>(table.get<uint32_t>(schema::tensor::kBuffer, 0))];
  const Vector<uint8_t> content = buffer.vector<uint8_t>(schema::buffer::kData);
  TensorView view;
  view.type = static_cast<Type>(table.get<int8_t>(schema::tensor::kType, 0));
  view.is_variable = table.get<uint8_t>(schema::tensor::kIsVariable, 0) != 0;
  view.dims = table.vector<int32_t>(schema::tensor::kShape);
  view.shape = ShapeOf(view.dims);
  const uint32_t elements = static_cast<uint32_t>(view.shape.elements());
  view.bytes = static_cast<uint32_t>(
      (static_cast<uint64_t>(elements) * static_cast<uint64_t>(TypeBits(view.type)) + 7) / 8);
  view.data = content.size() > 0 ? const_cast<uint8_t*>(content.data()) : nullptr;
  view.scales = quantization.vector<float>(schema::quantization::kScale);
  view.zero_points = quantization.vector<Int64>(schema::quantization::kZeroPoint);
  view.quantized_dimension =
      quantization.get<int32_t>(schema::quantization::kQuantizedDimension, 0);
  return view;
}

Type Subgraph::tensor_type(int index) const {
  return static_cast<Type>(tensors_[index].get<int8_t>(schema::tensor::kType, 0));
}

OpView Subgraph::op(int index) const {
  const Table table = operators_[index];
  const uint32_t code = table.get<uint32_t>(schema::op::kOpcodeIndex, 0);
  OpView view;
  const Table operator_code = operator_codes_[static_cast<int>(code)];
  view.builtin_code = BuiltinCode(operator_code);
  view.custom_name = operator_code.vector<uint8_t>(schema::operator_code::kCustomCode);
  view.inputs = table.vector<int32_t>(schema::op::kInputs);
  view.outputs = table.vector<int32_t>(schema::op::kOutputs);
  view.options = table.table(schema::op::kBuiltinOptions);
  view.custom_options = table.vector<uint8_t>(schema::op::kCustomOptions);
  return view;
}

bool Subgraph::IndicesFit(const Vector<int32_t>& indices, int lowest) const {
  for (int i = 0; i < indices.size(); ++i) {
    if (indices[i] < lowest || indices[i] >= tensor_count()) return false;
  }
  return true;
}

Status Subgraph::VerifyOp(int index, Diagnosis& diagnosis) const {
  diagnosis.op_index = index;
  const Table table = operators_[index];
  const uint32_t code = table.get<uint32_t>(schema::op::kOpcodeIndex, 0);
  if (!table.present() || code >= static_cast<uint32_t>(operator_codes_.size()) ||
      !operator_codes_[static_cast<int>(code)].present()) {
    return diagnosis.Fail("damaged model: operator table");
  }
  const OpView view = op(index);
  diagnosis.builtin_code = view.builtin_code;
  if (view.is_custom() && view.custom_name.size() == 0) {
    return diagnosis.Fail("a custom operator without a name");
  }
  const bool whole =
      table.stated_count(schema::op::kInputs) == static_cast<uint32_t>(view.inputs.size()) &&
      table.stated_count(schema::op::kOutputs) == static_cast<uint32_t>(view.outputs.size());
  if (!whole || view.inputs.size() > limits::kCount || view.outputs.size() > limits::kCount ||
      !IndicesFit(view.inputs, -1) || !IndicesFit(view.outputs, 0)) {
    return diagnosis.Fail("damaged model: tensors of the operator");
  }
  if (table.has(schema::op::kBuiltinOptions) && !view.options.present()) {
    return diagnosis.Fail("damaged model: options of the operator");
  }
  return Status::kOk;
}

Status Subgraph::Verify(Diagnosis& diagnosis) const {
  const bool whole =
      table_.stated_count(schema::subgraph::kInputs) == static_cast<uint32_t>(inputs_.size()) &&
      table_.stated_count(schema::subgraph::kOutputs) == static_cast<uint32_t>(outputs_.size()) &&
      table_.stated_count(schema::subgraph::kTensors) == static_cast<uint32_t>(tensors_.size()) &&
      table_.stated_count(schema::subgraph::kOperators) == static_cast<uint32_t>(operators_.size());
  if (!whole || !IndicesFit(inputs_, 0) || !IndicesFit(outputs_, 0)) {
    return diagnosis.Fail("damaged model: subgraph table");
  }
  if (op_count() > limits::kCount || tensor_count() > limits::kCount ||
      inputs_.size() > limits::kCount || outputs_.size() > limits::kCount) {
    return diagnosis.Fail("more than %d operators or tensors", static_cast<int>(limits::kCount));
  }
  for (int i = 0; i < tensor_count(); ++i) TINYDEPLOY_TRY(VerifyTensor(i, diagnosis));
  for (int i = 0; i < op_count(); ++i) TINYDEPLOY_TRY(VerifyOp(i, diagnosis));
  diagnosis = Diagnosis();
  return Status::kOk;
}

Status OpenSubgraph(const void* data, uint32_t bytes, int index, Subgraph* out,
                    Diagnosis& diagnosis) {
  const Table root = RootTable({static_cast<const uint8_t*>(data), bytes}, schema::kIdentifier);
  const Table table = root.tables(schema::model::kSubgraphs)[index];
  if (!table.present()) return diagnosis.Fail("there is no subgraph %d", index);
  *out = Subgraph(root, table);
  return out->Verify(diagnosis);
}

Status OpenModel(const void* data, uint32_t bytes, Subgraph* main, Diagnosis& diagnosis) {
  if (data == nullptr || reinterpret_cast<uintptr_t>(data) % 4 != 0) {
    return diagnosis.Fail("the model is not aligned to 4 bytes");
  }
  const Bytes file = {static_cast<const uint8_t*>(data), bytes};
  const Table root = RootTable(file, schema::kIdentifier);
  if (!root.present()) return diagnosis.Fail("not a .tflite model");
  const uint32_t version = root.get<uint32_t>(schema::model::kVersion, 0);
  if (version != schema::kVersion) {
    return diagnosis.Fail("schema version %u, expected %u", static_cast<unsigned>(version),
                          static_cast<unsigned>(schema::kVersion));
  }
  const Table first = root.tables(schema::model::kSubgraphs)[0];
  if (!first.present()) return diagnosis.Fail("damaged model: no subgraph");
  *main = Subgraph(root, first);
  return main->Verify(diagnosis);
}

Vector<int32_t> OfflinePlan(const void* data, uint32_t bytes) {
  const Table root = RootTable({static_cast<const uint8_t*>(data), bytes}, schema::kIdentifier);
  const Tables entries = root.tables(schema::model::kMetadata);
  for (int i = 0; i < entries.size(); ++i) {
    const Table entry = entries[i];
    if (!IsText(entry.vector<uint8_t>(schema::metadata::kName), "OfflineMemoryAllocation"))
      continue;
    const auto index = static_cast<int>(entry.get<uint32_t>(schema::metadata::kBuffer, 0));
    const Table buffer = root.tables(schema::model::kBuffers)[index];
    const Vector<uint8_t> content = buffer.vector<uint8_t>(schema::buffer::kData);
    if (reinterpret_cast<uintptr_t>(content.data()) % alignof(int32_t) != 0) break;
    return {reinterpret_cast<const int32_t*>(content.data()), content.size() / 4};
  }
  return {};
}

uint32_t ModelVersion(const void* data) {
  const Bytes file = {static_cast<const uint8_t*>(data), INT32_MAX};
  return RootTable(file, schema::kIdentifier).get<uint32_t>(schema::model::kVersion, 0);
}

}  // namespace tinydeploy
