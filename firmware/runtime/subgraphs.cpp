// Operators that run other subgraphs, and what they keep from run to run.
//
// A called subgraph has a plan of its own for each operator that calls it, and its tensors have
// memory of their own: it is persistent, not shared with the caller's tensors.
#include <string.h>

#include "runtime/interpreter.h"
#include "runtime/prepare_context.h"

namespace tinydeploy {
namespace {

bool IsSame(const Vector<uint8_t>& a, const Vector<uint8_t>& b) {
  return a.size() == b.size() &&
         (a.size() == 0 || memcmp(a.data(), b.data(), static_cast<size_t>(a.size())) == 0);
}

}  // namespace

void* Interpreter::KeepState(uint32_t bytes, uint16_t initial) {
  auto* state = static_cast<State*>(arena_.Persistent(sizeof(State) + bytes, kArenaAlignment));
  if (state == nullptr || arena_.overflowed()) return state;
  *state = {states_, initial, bytes};
  states_ = state;
  return state + 1;
}

void Interpreter::StartStateAs(void* data, uint16_t initial) {
  if (arena_.overflowed()) return;  // only its size is counted: the memory is not there
  State* state = static_cast<State*>(data) - 1;
  if (state->initial == kAnyStart) state->initial = initial;
}

Variable* Interpreter::FindVariable(const Vector<uint8_t>& container, const Vector<uint8_t>& name) {
  // After an overflow others may have written over what the list is made of; then each handle
  // counts as a variable of its own.
  Variable* const first = arena_.overflowed() ? nullptr : variables_;
  for (Variable* variable = first; variable != nullptr; variable = variable->next) {
    if (IsSame(variable->container, container) && IsSame(variable->name, name)) return variable;
  }
  auto* variable = static_cast<Variable*>(arena_.Persistent(sizeof(Variable), alignof(Variable)));
  if (variable == nullptr) return nullptr;
  const bool is_kept = !arena_.overflowed();
  const int32_t id = is_kept && variables_ != nullptr ? variables_->id + 1 : 0;
  *variable = {container, name, id, 0, nullptr, variables_};
  if (is_kept) variables_ = variable;
  return variable;
}

Status Interpreter::Call(int subgraph, CalledGraph* called) {
  if (depth_ == limits::kCallsDeep) return diagnosis_.Fail("subgraphs call one another too deeply");
  const Subgraph graph = graph_;
  const Plan plan = plan_;
  void** const io = io_;
  Buffer* const buffers = buffers_;
  const int scratch_count = scratch_count_;
  const uint32_t mark = arena_.mark();
  ++depth_;
  const Status status = PlanCalled(subgraph, called);
  --depth_;
  arena_.Release(mark);
  scratch_count_ = scratch_count;
  buffers_ = buffers;
  io_ = io;
  plan_ = plan;
  graph_ = graph;
  return status;
}

Status Interpreter::PlanCalled(int subgraph, CalledGraph* called) {
  Subgraph graph;
  TINYDEPLOY_TRY(OpenSubgraph(model_, model_bytes_, subgraph, &graph, diagnosis_));
  graph_ = graph;
  plan_ = {nullptr, graph.op_count()};
  TINYDEPLOY_TRY(FindLifetimes());
  TINYDEPLOY_TRY(PrepareAll());
  const int buffers = graph_.tensor_count() + scratch_count_;
  void* block = arena_.Persistent(PlanBuffers(buffers_, buffers), kArenaAlignment);
  const int ports = input_count() + output_count();
  auto* memory = static_cast<CalledGraph::Port*>(
      arena_.Persistent(static_cast<uint32_t>(ports) * sizeof(CalledGraph::Port), 8));
  if (arena_.overflowed()) return Status::kOk;  // goes on counting; nothing of this will run
  *called = {plan_, memory, input_count(), output_count()};
  for (Buffer* buffer = buffers_; buffer != buffers_ + buffers; ++buffer) {
    if (buffer->first >= 0 && buffer->last >= 0) buffer->offset += arena_.OffsetOf(block);
  }
  FillArgs();
  for (int i = 0; i < ports; ++i) {
    const int inputs = called->inputs;
    const int tensor = i < inputs ? graph_.inputs()[i] : graph_.outputs()[i - inputs];
    called->ports[i] = {io_[i], graph_.tensor(tensor).bytes};
  }
  return Status::kOk;
}

}  // namespace tinydeploy
