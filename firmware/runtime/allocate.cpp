// Interpreter::Allocate: from a model file to a plan whose tensors have their places.
#include <string.h>

#include "runtime/interpreter.h"
#include "runtime/prepare_context.h"
#include "runtime/red_zones.h"

namespace tinydeploy {
namespace {

// A name in a file may be any bytes, a message is text.
char Printable(uint8_t byte) { return byte >= ' ' && byte <= '~' ? static_cast<char>(byte) : '?'; }

}  // namespace

Status Interpreter::Allocate() {
  ready_ = false;
  diagnosis_ = Diagnosis();
  arena_.Clear();
  current_op_ = -1;
  states_ = nullptr;
  variables_ = nullptr;
  has_variables_ = false;
  depth_ = 0;
  TINYDEPLOY_TRY(Open());
  TINYDEPLOY_TRY(FindLifetimes());
  TINYDEPLOY_TRY(PrepareAll());
  TINYDEPLOY_TRY(PlanMemory());
  FillArgs();
  ready_ = true;
  ResetVariables();
  return Status::kOk;
}

Status Interpreter::Open() {
  graph_ = Subgraph();
  plan_ = {};
  Subgraph graph;
  TINYDEPLOY_TRY(OpenModel(model_, model_bytes_, &graph, diagnosis_));
  graph_ = graph;
  plan_.count = graph.op_count();
  return Status::kOk;
}

Status Interpreter::FailTooSmall(bool exact) {
  return diagnosis_.Fail("arena of %u bytes is too small: %s%u are needed",
                         static_cast<unsigned>(arena_.capacity()), exact ? "" : "at least ",
                         static_cast<unsigned>(arena_.needed_bytes()));
}

// ---- Operators ----

Status Interpreter::CheckCounts(const OpView& op, const Kernel& kernel) {
  const int inputs = op.inputs.size();
  bool fits =
      inputs >= kernel.min_inputs && (kernel.max_inputs == kAny || inputs <= kernel.max_inputs) &&
      (kernel.outputs == kAny ? op.outputs.size() > 0 : op.outputs.size() == kernel.outputs);
  const int given = kernel.max_inputs == kAny ? inputs : kernel.min_inputs;
  for (int i = 0; fits && i < given; ++i) fits = op.inputs[i] >= 0;
  return fits ? Status::kOk
              : diagnosis_.Fail("%d inputs, %d outputs: not what the operator takes", inputs,
                                op.outputs.size());
}

Status Interpreter::PrepareOp(int index) {
  const OpView op = graph_.op(index);
  diagnosis_.op_index = index;
  diagnosis_.builtin_code = op.builtin_code;
  const Kernel* kernel = kernels_.find(op);
  if (kernel == nullptr && op.is_custom()) {
    char name[40] = {};
    const auto length = static_cast<size_t>(op.custom_name.size());
    for (size_t i = 0; i < length && i + 1 < sizeof(name); ++i) {
      name[i] = Printable(op.custom_name.data()[i]);
    }
    return diagnosis_.Fail("custom operator %s is not in the op resolver", name);
  }
  if (kernel == nullptr) {
    return diagnosis_.Fail("builtin operator %d is not in the op resolver", op.builtin_code);
  }
  TINYDEPLOY_TRY(CheckCounts(op, *kernel));
  if (kernel->in_place) ShareWithInput(op, index);
  PrepareContext context(graph_, index, arena_, this, diagnosis_);
  const Status prepared = kernel->prepare(context);
  diagnosis_.op_index = index;
  diagnosis_.builtin_code = op.builtin_code;
  if (prepared != Status::kOk) {
    return diagnosis_.reason[0] == '\0' ? FailTooSmall(false) : prepared;
  }
  Step step = context.step();
  step.kernel = kernel;
  scratch_count_ += context.scratch_count();
  const int scratch = context.scratch_count();
  const int args = InputArgs(op, *kernel) + op.outputs.size() + scratch;
  const int words = red_zones::Before() + args + red_zones::Behind(scratch);
  step.args = static_cast<void**>(
      arena_.Persistent(static_cast<uint32_t>(words) * sizeof(void*), alignof(void*)));
  if (arena_.overflowed()) return Status::kOk;
  step.args += red_zones::Before();
  red_zones::Note(step.args, -red_zones::Before(), 0, static_cast<uint32_t>(scratch));
  plan_.steps[index] = step;
  return Status::kOk;
}

Status Interpreter::PrepareAll() {
  scratch_count_ = 0;
  const auto steps = static_cast<uint32_t>(plan_.count);
  const auto io = static_cast<uint32_t>(input_count() + output_count());
  plan_.steps = static_cast<Step*>(arena_.Persistent(steps * sizeof(Step), alignof(Step)));
  io_ = static_cast<void**>(arena_.Persistent(io * sizeof(void*), alignof(void*)));
  if (depth_ == 0) io_records_ = arena_.Persistent(io * io_record_bytes_, 8);
  for (int k = 0; k < plan_.count; ++k) TINYDEPLOY_TRY(PrepareOp(k));
  diagnosis_.op_index = diagnosis_.builtin_code = -1;
  PlaceVariables();
  return Status::kOk;
}

// ---- Places ----

void Interpreter::PlaceVariables() {
  for (int i = 0; i < graph_.tensor_count(); ++i) {
    if (buffers_[i].first != kVariable) continue;
    const TensorView view = graph_.tensor(i);
    const int zero = view.type == Type::kInt8 ? view.zero_point() : 0;
    void* memory = depth_ > 0 ? KeepState(view.bytes, static_cast<uint8_t>(zero))
                              : arena_.Persistent(view.bytes, kArenaAlignment);
    if (memory != nullptr) buffers_[i].offset = arena_.OffsetOf(memory);
    if (depth_ == 0) has_variables_ = true;
  }
}

Status Interpreter::PlanMemory() {
  const uint32_t planned = PlanBuffers(buffers_, graph_.tensor_count() + scratch_count_);
  return arena_.Commit(planned) ? Status::kOk : FailTooSmall(true);
}

void* Interpreter::Locate(int tensor) const {
  if (tensor < 0) return nullptr;
  const uint32_t offset = buffers_[tensor].offset;
  return offset == kUnplaced ? graph_.tensor(tensor).data : arena_.base() + offset;
}

void Interpreter::FillArgs() {
  const Buffer* scratch = buffers_ + graph_.tensor_count();
  const Buffer* scratch_end = scratch + scratch_count_;
  for (int k = 0; k < plan_.count; ++k) {
    const OpView op = graph_.op(k);
    void** arg = plan_.steps[k].args;
    for (int i = 0; i < op.inputs.size(); ++i) arg[i] = Locate(op.inputs[i]);
    arg += InputArgs(op, *plan_.steps[k].kernel);
    for (int i = 0; i < op.outputs.size(); ++i) *arg++ = Locate(op.outputs[i]);
    const Buffer* const first = scratch;
    for (; scratch != scratch_end && scratch->first == k; ++scratch) {
      *arg++ = arena_.base() + scratch->offset;
    }
    for (const Buffer* own = first; own != scratch; ++own) {
      red_zones::Note(arg, 0, static_cast<int>(own - first), own->bytes);
    }
  }
  const int inputs = input_count();
  for (int i = 0; i < inputs; ++i) io_[i] = Locate(graph_.inputs()[i]);
  for (int i = 0; i < output_count(); ++i) io_[inputs + i] = Locate(graph_.outputs()[i]);
}

}  // namespace tinydeploy
