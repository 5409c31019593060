// What a kernel's Prepare sees of its operator, and what it hands back.
#ifndef TINYDEPLOY_RUNTIME_PREPARE_CONTEXT_H_
#define TINYDEPLOY_RUNTIME_PREPARE_CONTEXT_H_

#include <stdint.h>

#include "runtime/arena.h"
#include "runtime/diagnosis.h"
#include "runtime/kernel.h"
#include "runtime/model.h"
#include "runtime/plan.h"

namespace tinydeploy {

// Of state without a first value of its own: zeros.
constexpr uint16_t kAnyStart = 0x100;

// Memory that operators share by name.
struct Variable {
  Vector<uint8_t> container;
  Vector<uint8_t> name;
  int32_t id;
  uint32_t bytes;
  void* data;  // null until an operator says how large it is
  Variable* next;
};

class Interpreter;

class PrepareContext {
 public:
  // `interpreter` keeps state and runs other subgraphs; null: operators that run subgraphs or share
  // variables are refused, state is only noted.
  PrepareContext(const Subgraph& graph, int op_index, Arena& arena, Interpreter* interpreter,
                 Diagnosis& diagnosis);

  // Of the operator in the model; the runtime has checked the counts against the kernel's row, and
  // that the first `min_inputs` inputs are given.
  int input_count() const { return op_.inputs.size(); }
  int output_count() const { return op_.outputs.size(); }
  bool has_input(int i) const { return i < input_count() && op_.inputs[i] >= 0; }
  TensorView input(int i) const { return graph_.tensor(op_.inputs[i]); }
  TensorView output(int i) const { return graph_.tensor(op_.outputs[i]); }
  const Table& options() const { return op_.options; }  // fields as in the schema
  int builtin_code() const { return op_.builtin_code; }
  const Vector<uint8_t>& custom_options() const { return op_.custom_options; }
  // The operator before this one that writes input `i`; builtin_code is -1 if there is none.
  OpView Producer(int i) const;

  // The params for Eval, zeroed, with `extra` trailing bytes for arrays. Once for each
  // operator. Null if the arena has no room: then return Status::kError.
  template <class P>
  P* Params(uint32_t extra = 0) {
    step_.params = arena_.Persistent(sizeof(P) + extra, alignof(P));
    return static_cast<P*>(const_cast<void*>(step_.params));
  }
  // Memory for the time of this operator; becomes the next argument after the outputs.
  Status Scratch(uint32_t bytes);
  // Memory that keeps its value from run to run and starts as `initial`; becomes the next argument.
  Status State(uint32_t bytes, uint8_t initial = 0);
  // Prepares a subgraph to be run by this operator; a CalledGraph becomes the next argument.
  Status Call(int subgraph, const CalledGraph** called);
  // A shared variable of `bytes` bytes, each of them `initial` at first unless an operator before
  // said so; becomes the next argument.
  Status Share(const Vector<uint8_t>& container, const Vector<uint8_t>& name, uint32_t bytes,
               uint16_t initial);
  // The number of a shared variable.
  Status VariableId(const Vector<uint8_t>& container, const Vector<uint8_t>& name, int32_t* id);
  void SetEval(EvalFn eval) { step_.eval = eval; }
  // Refuses the operator: one line that says what was seen and what is possible.
  Status Fail(const char* format, ...) __attribute__((format(printf, 2, 3)));

  const Step& step() const { return step_; }
  int scratch_count() const { return scratch_count_; }
  bool needs_interpreter() const { return needs_interpreter_; }

 private:
  Status NoteState(uint32_t bytes, uint8_t initial);
  Interpreter* NeedInterpreter();
  Status AddArgument(const void* persistent);

  const Subgraph& graph_;
  OpView op_;
  int op_index_;
  Arena& arena_;
  Interpreter* interpreter_;  // not an interface: what no kernel asks for is not linked
  bool needs_interpreter_ = false;
  Diagnosis& diagnosis_;
  Step step_ = {};
  int scratch_count_ = 0;
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_PREPARE_CONTEXT_H_
