// When each tensor needs its memory: from the operator that writes it to the last one that reads
// it; whose memory it may take over; and where a plan made ahead of time puts it.
#include "runtime/interpreter.h"

namespace tinydeploy {
namespace {

constexpr int32_t kLargestOffset = limits::kArenaBytes;

int32_t Alignment(Type type) {
  const int bits = TypeBits(type);
  return bits < 16 ? 1 : bits < 32 ? 2 : 4;
}

}  // namespace

Status Interpreter::NoteRead(int tensor, int op) {
  Buffer& buffer = buffers_[tensor];
  if (buffer.first == kUnwritten && buffer.bytes != 0) {
    return diagnosis_.Fail("tensor %d is read before it is written", tensor);
  }
  if (buffer.first >= 0) buffer.last = static_cast<int16_t>(op);
  return Status::kOk;
}

Status Interpreter::NoteWrite(int tensor, int op) {
  Buffer& buffer = buffers_[tensor];
  if (buffer.first != kUnwritten) {
    return diagnosis_.Fail("tensor %d must not be written here", tensor);
  }
  buffer.first = buffer.last = static_cast<int16_t>(op);
  return Status::kOk;
}

Status Interpreter::FindLifetimes() {
  const int tensors = graph_.tensor_count();
  buffers_ =
      static_cast<Buffer*>(arena_.Temporary(static_cast<uint32_t>(tensors) * sizeof(Buffer)));
  if (buffers_ == nullptr) return FailTooSmall(false);
  for (int i = 0; i < tensors; ++i) {
    const TensorView view = graph_.tensor(i);
    const int16_t first = view.is_constant() ? kConstant
                          : view.is_variable ? kVariable
                                             : kUnwritten;
    buffers_[i] = {view.bytes, kUnplaced, first, -1};
  }
  for (int i = 0; i < graph_.inputs().size(); ++i) {
    const int tensor = graph_.inputs()[i];
    if (buffers_[tensor].first != kVariable) TINYDEPLOY_TRY(NoteWrite(tensor, 0));
  }
  for (int k = 0; k < plan_.count; ++k) {
    diagnosis_.op_index = k;
    const OpView op = graph_.op(k);
    for (int i = 0; i < op.inputs.size(); ++i) {
      if (op.inputs[i] >= 0) TINYDEPLOY_TRY(NoteRead(op.inputs[i], k));
    }
    for (int i = 0; i < op.outputs.size(); ++i) TINYDEPLOY_TRY(NoteWrite(op.outputs[i], k));
  }
  diagnosis_.op_index = -1;
  const int last = plan_.count > 0 ? plan_.count - 1 : 0;
  for (int i = 0; i < graph_.outputs().size(); ++i) {
    TINYDEPLOY_TRY(NoteRead(graph_.outputs()[i], last));
  }
  for (int i = 0; i < tensors && preserve_tensors_; ++i) {
    if (buffers_[i].first >= 0) buffers_[i].last = static_cast<int16_t>(last);
    if (buffers_[i].first >= 0) buffers_[i].first = 0;
  }
  return depth_ == 0 && !preserve_tensors_ ? TakeOfflinePlan() : Status::kOk;
}

// Tensors may overlap, as in TFLM: that is up to the plan's author.
Status Interpreter::TakeOfflinePlan() {
  const Vector<int32_t> plan = OfflinePlan(model_, model_bytes_);
  if (plan.size() == 0) return Status::kOk;
  constexpr int kHeader = 3;
  const int tensors = graph_.tensor_count();
  bool fits = plan.size() >= kHeader + tensors && plan[kHeader - 1] >= tensors;
  for (int i = 0; i < tensors && fits; ++i) {
    const int32_t offset = plan[kHeader + i];
    if (offset == -1 || buffers_[i].first < 0) continue;
    const int32_t misplaced = offset % Alignment(graph_.tensor_type(i));
    fits = offset >= 0 && offset <= kLargestOffset && misplaced == 0;
    buffers_[i].offset = static_cast<uint32_t>(offset);
  }
  return fits ? Status::kOk : diagnosis_.Fail("damaged model: offline memory plan");
}

// Whether operator `op`, whose eval function can work in place, may write `output` over `input`.
bool Interpreter::MayShare(int input, int output, int op) const {
  const Buffer& from = buffers_[input];
  const Buffer& to = buffers_[output];
  if (from.first < 0 || from.last != op || from.bytes != to.bytes || from.bytes == 0) return false;
  for (int i = 0; i < graph_.outputs().size(); ++i) {
    if (graph_.outputs()[i] == input) return false;
  }
  return graph_.tensor_type(input) == graph_.tensor_type(output);
}

void Interpreter::ShareWithInput(const OpView& op, int index) {
  if (preserve_tensors_ || buffers_[op.outputs[0]].offset != kUnplaced) return;
  for (int i = 0; i < op.inputs.size(); ++i) {
    if (op.inputs[i] < 0 || !MayShare(op.inputs[i], op.outputs[0], index)) continue;
    return ShareMemory(buffers_, op.inputs[i], op.outputs[0]);
  }
}

}  // namespace tinydeploy
