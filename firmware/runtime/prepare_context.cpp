#include "runtime/prepare_context.h"

#include "runtime/interpreter.h"
#include "runtime/planner.h"

namespace tinydeploy {
namespace {

constexpr uint32_t kMaxScratchBytes = limits::kTensorBytes;

}  // namespace

PrepareContext::PrepareContext(const Subgraph& graph, int op_index, Arena& arena,
                               Interpreter* interpreter, Diagnosis& diagnosis)
    : graph_(graph),
      op_(graph.op(op_index)),
      op_index_(op_index),
      arena_(arena),
      interpreter_(interpreter),
      diagnosis_(diagnosis) {}

Status PrepareContext::Scratch(uint32_t bytes) {
  if (bytes > kMaxScratchBytes) return Fail("%u bytes of scratch", static_cast<unsigned>(bytes));
  auto* buffer = static_cast<Buffer*>(arena_.Temporary(sizeof(Buffer)));
  if (buffer == nullptr) return Status::kError;
  const auto op = static_cast<int16_t>(op_index_);
  *buffer = {bytes, kUnplaced, op, op};
  ++scratch_count_;
  return Status::kOk;
}

// State, to be placed by the interpreter: `offset` says what each byte is at first.
Status PrepareContext::NoteState(uint32_t bytes, uint8_t initial) {
  auto* buffer = static_cast<Buffer*>(arena_.Temporary(sizeof(Buffer)));
  if (buffer == nullptr) return Status::kError;
  *buffer = {bytes, initial, static_cast<int16_t>(op_index_), -1};
  ++scratch_count_;
  return Status::kOk;
}

Interpreter* PrepareContext::NeedInterpreter() {
  needs_interpreter_ = true;
  return interpreter_;
}

// A buffer that has its place already and takes none.
Status PrepareContext::AddArgument(const void* persistent) {
  auto* buffer = static_cast<Buffer*>(arena_.Temporary(sizeof(Buffer)));
  if (buffer == nullptr || persistent == nullptr) return Status::kError;
  *buffer = {0, arena_.OffsetOf(persistent), static_cast<int16_t>(op_index_), -1};
  ++scratch_count_;
  return Status::kOk;
}

Status PrepareContext::State(uint32_t bytes, uint8_t initial) {
  if (bytes > kMaxScratchBytes) return Fail("%u bytes of state", static_cast<unsigned>(bytes));
  return interpreter_ == nullptr ? NoteState(bytes, initial)
                                 : AddArgument(interpreter_->KeepState(bytes, initial));
}

Status PrepareContext::Call(int subgraph, const CalledGraph** called) {
  auto* graph =
      static_cast<CalledGraph*>(arena_.Persistent(sizeof(CalledGraph), alignof(CalledGraph)));
  if (graph == nullptr) return Status::kError;
  Interpreter* interpreter = NeedInterpreter();
  if (interpreter == nullptr) return Status::kError;
  CalledGraph made;
  TINYDEPLOY_TRY(interpreter->Call(subgraph, &made));
  *graph = made.ready() ? made : CalledGraph();
  *called = graph;
  return AddArgument(graph);
}

Status PrepareContext::Share(const Vector<uint8_t>& container, const Vector<uint8_t>& name,
                             uint32_t bytes, uint16_t initial) {
  Interpreter* interpreter = NeedInterpreter();
  if (interpreter == nullptr) return Status::kError;
  Variable* variable = interpreter->FindVariable(container, name);
  if (variable == nullptr) return Status::kError;
  if (variable->data == nullptr) {
    variable->bytes = bytes;
    variable->data = interpreter->KeepState(bytes, kAnyStart);
    if (variable->data == nullptr) return Status::kError;
  }
  if (variable->bytes != bytes) return Fail("the variable has another size elsewhere");
  interpreter->StartStateAs(variable->data, initial);
  return AddArgument(variable->data);
}

Status PrepareContext::VariableId(const Vector<uint8_t>& container, const Vector<uint8_t>& name,
                                  int32_t* id) {
  Interpreter* interpreter = NeedInterpreter();
  if (interpreter == nullptr) return Status::kError;
  const Variable* variable = interpreter->FindVariable(container, name);
  if (variable == nullptr) return Status::kError;
  *id = variable->id;
  return Status::kOk;
}

OpView PrepareContext::Producer(int i) const {
  for (int k = 0; k < op_index_; ++k) {
    const OpView op = graph_.op(k);
    for (int o = 0; o < op.outputs.size(); ++o) {
      if (op.outputs[o] == op_.inputs[i]) return op;
    }
  }
  return OpView();
}

Status PrepareContext::Fail(const char* format, ...) {
  va_list args;
  va_start(args, format);
  const Status status = diagnosis_.FailV(format, args);
  va_end(args);
  return status;
}

}  // namespace tinydeploy
