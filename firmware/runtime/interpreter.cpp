#include "runtime/interpreter.h"

#include <string.h>

#include "runtime/red_zones.h"

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
    const uint32_t event = profiler_ == nullptr ? 0 : profiler_->BeginEvent(step.kernel->name);
    OpenMemoryOf(i);
    const Status status = step.eval(step.params, step.args);
    red_zones::Open(arena_.base(), arena_.mark());
    if (profiler_ != nullptr) profiler_->EndEvent(event);
    if (status == Status::kOk) continue;
    if (status == Status::kStopped) return status;
    current_op_ = -1;  // no tensor is valid in what the operator left half done
    diagnosis_.op_index = i;
    diagnosis_.builtin_code = step.kernel->code;
    return diagnosis_.Fail("the operator refused its input");
  }
  return Status::kOk;
}

// Of all that is planned, only the tensors and scratch of one operator.
void Interpreter::OpenMemoryOf(int op) const {
#ifdef TINYDEPLOY_RED_ZONES
  const Step& step = plan_.steps[op];
  const OpView view = graph_.op(op);
  const uint8_t* const end = arena_.base() + arena_.mark();
  const auto open = [&](void* data, uint32_t bytes) {
    const auto* at = static_cast<const uint8_t*>(data);
    if (arena_.base() <= at && at < end) red_zones::Open(at, bytes);
  };
  red_zones::Close(arena_.base(), arena_.mark());
  void* const* arg = step.args;
  for (int i = 0; i < view.inputs.size(); ++i) {
    if (view.inputs[i] >= 0) open(arg[i], graph_.tensor(view.inputs[i]).bytes);
  }
  arg += InputArgs(view, *step.kernel);
  for (int i = 0; i < view.outputs.size(); ++i) {
    open(arg[i], graph_.tensor(view.outputs[i]).bytes);
  }
  arg += view.outputs.size();
  const auto scratch = reinterpret_cast<uintptr_t>(step.args[-1]);
  for (uintptr_t i = 0; i < scratch; ++i) {
    open(arg[i], static_cast<uint32_t>(reinterpret_cast<uintptr_t>(arg[scratch + i])));
  }
#else
  static_cast<void>(op);
#endif
}

void Interpreter::State::Reset() { memset(this + 1, initial, bytes); }

void Interpreter::ResetVariables() {
  for (State* state = states_; state != nullptr; state = state->next) state->Reset();
  for (int i = 0; has_variables_ && i < graph_.tensor_count(); ++i) {
    const TensorView view = tensor(i);
    if (view.is_variable && view.data != nullptr && !graph_.tensor(i).is_constant()) {
      // The real zero for int8, as in TFLM.
      memset(view.data, view.type == Type::kInt8 ? view.zero_point() : 0, view.bytes);
    }
  }
}

TensorView Interpreter::tensor(int index) const {
  TensorView view = graph_.tensor(index);
  if (view.data == nullptr && ready_) view.data = FindUse(index).data;
  return view;
}

TensorView Interpreter::End(int index, int port) const {
  TensorView view = graph_.tensor(index);
  if (view.data == nullptr && ready_) view.data = io_[port];
  return view;
}

// The arguments of the steps say where the tensors are: no table is kept.
Interpreter::Use Interpreter::FindUse(int tensor) const {
  Use use = {op_count(), -1, nullptr};
  const auto look = [&](const Vector<int32_t>& tensors, void* const* data, int op) {
    for (int i = 0; i < tensors.size(); ++i) {
      if (tensors[i] != tensor) continue;
      use.data = data[i];
      if (op < use.first) use.first = op;
      if (op > use.last) use.last = op;
    }
  };
  look(graph_.inputs(), io_, 0);
  for (int k = 0; k < op_count(); ++k) {
    const Step& step = plan_.steps[k];
    const OpView op = graph_.op(k);
    look(op.inputs, step.args, k);
    look(op.outputs, step.args + InputArgs(op, *step.kernel), k);
  }
  look(graph_.outputs(), io_ + input_count(), op_count() - 1);
  return use;
}

bool Interpreter::IsLive(int tensor) const {
  const TensorView view = graph_.tensor(tensor);
  if (view.is_constant() || view.is_variable) return true;
  const Use use = FindUse(tensor);
  const int last = preserve_tensors_ ? op_count() : use.last;
  return use.first <= current_op_ && current_op_ <= last && !IsOverwritten(tensor, use.data);
}

// By the operator that ran last, in place.
bool Interpreter::IsOverwritten(int tensor, const void* data) const {
  if (current_op_ < 0) return false;
  const Step& step = plan_.steps[current_op_];
  const OpView op = graph_.op(current_op_);
  return step.kernel->in_place && op.outputs[0] != tensor &&
         step.args[InputArgs(op, *step.kernel)] == data;
}

}  // namespace tinydeploy
