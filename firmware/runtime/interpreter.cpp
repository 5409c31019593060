#include "runtime/interpreter.h"

#include <string.h>

namespace tinydeploy {

Interpreter::Interpreter(const void* model, KernelSet kernels, void* arena, size_t arena_bytes)
    : model_(model), kernels_(kernels), arena_(arena, arena_bytes) {}

Status Interpreter::Run(int first, int count) {
  if (!ready_) return diagnosis_.Fail("the model has not been allocated");
  if (first < 0 || count < 0 || count > plan_.count - first) {
    return diagnosis_.Fail("operators %d to %d of %d", first, first + count, plan_.count);
  }
  for (int i = first; i < first + count; ++i) {
    current_op_ = i;
    const Step& step = plan_.steps[i];
    const uint32_t event = profiler_ == nullptr ? 0 : profiler_->BeginEvent(op_name(i));
    const Status status = step.eval(step.params, step.args);
    if (profiler_ != nullptr) profiler_->EndEvent(event);
    if (status == Status::kStopped) return status;
    if (status != Status::kOk) {
      diagnosis_.op_index = i;
      diagnosis_.builtin_code = graph_.op(i).builtin_code;
      return diagnosis_.Fail("the operator refused its input");
    }
  }
  return Status::kOk;
}

const char* Interpreter::op_name(int op) const {
  const Kernel* kernel = kernels_.find(graph_.op(op));
  return kernel == nullptr ? "" : kernel->name;
}

void Interpreter::State::Reset() { memset(this + 1, initial, bytes); }

void Interpreter::ResetVariables() {
  for (State* state = states_; state != nullptr; state = state->next) state->Reset();
  for (int i = 0; i < graph_.tensor_count(); ++i) {
    const TensorView view = tensor(i);
    if (view.is_variable && view.data != nullptr && !graph_.tensor(i).is_constant()) {
      // The real zero for int8, as in TFLM.
      memset(view.data, view.type == Type::kInt8 ? view.zero_point() : 0, view.bytes);
    }
  }
}

TensorView Interpreter::tensor(int index) const {
  TensorView view = graph_.tensor(index);
  if (view.data == nullptr && ready_) view.data = FindData(index);
  return view;
}

// The arguments of the steps say where the tensors are: no table is kept.
void* Interpreter::FindData(int tensor) const {
  const Vector<int32_t>& inputs = graph_.inputs();
  const Vector<int32_t>& outputs = graph_.outputs();
  for (int i = 0; i < inputs.size(); ++i) {
    if (inputs[i] == tensor) return io_[i];
  }
  for (int i = 0; i < outputs.size(); ++i) {
    if (outputs[i] == tensor) return io_[inputs.size() + i];
  }
  for (int k = 0; k < plan_.count; ++k) {
    const OpView op = graph_.op(k);
    for (int i = 0; i < op.inputs.size(); ++i) {
      if (op.inputs[i] == tensor) return plan_.steps[k].args[i];
    }
    for (int i = 0; i < op.outputs.size(); ++i) {
      if (op.outputs[i] == tensor) return plan_.steps[k].args[InputArgs(op) + i];
    }
  }
  return nullptr;
}

bool Interpreter::IsLive(int tensor) const {
  const TensorView view = graph_.tensor(tensor);
  if (view.is_constant() || view.is_variable) return true;
  int first = op_count();
  int last = -1;
  const auto use = [&](const Vector<int32_t>& tensors, int op) {
    for (int i = 0; i < tensors.size(); ++i) {
      if (tensors[i] != tensor) continue;
      if (op < first) first = op;
      if (op > last) last = op;
    }
  };
  use(graph_.inputs(), 0);
  for (int k = 0; k < op_count(); ++k) {
    const OpView op = graph_.op(k);
    use(op.inputs, k);
    use(op.outputs, k);
  }
  use(graph_.outputs(), op_count() - 1);
  if (preserve_tensors_) last = op_count();
  return first <= current_op_ && current_op_ <= last;
}

}  // namespace tinydeploy
