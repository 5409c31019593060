// The interpreter engine: makes a plan from a model file, in an arena, and runs it.
#ifndef TINYDEPLOY_RUNTIME_INTERPRETER_H_
#define TINYDEPLOY_RUNTIME_INTERPRETER_H_

#include <stddef.h>
#include <stdint.h>

#include "runtime/arena.h"
#include "runtime/diagnosis.h"
#include "runtime/kernel.h"
#include "runtime/model.h"
#include "runtime/plan.h"
#include "runtime/planner.h"
#include "runtime/profiler.h"

namespace tinydeploy {

class PrepareContext;
struct Variable;

class Interpreter final {
 public:
  // All of them must outlive the interpreter.
  Interpreter(const void* model, KernelSet kernels, void* arena, size_t arena_bytes);
#ifdef TINYDEPLOY_RED_ZONES
  ~Interpreter() { arena_.Clear(); }  // its memory is somebody else's again
#endif
  Interpreter(const Interpreter&) = delete;
  Interpreter& operator=(const Interpreter&) = delete;

  // Before Allocate.
  void set_model_bytes(uint32_t bytes) {
    model_bytes_ = bytes;
  }  // bounds what is read of the model
  void set_preserve_tensors(bool preserve) { preserve_tensors_ = preserve; }
  bool preserve_tensors() const { return preserve_tensors_; }
  // Keeps `bytes` (aligned to 8) for each input and each output, see io_records().
  void set_io_record_bytes(uint32_t bytes) { io_record_bytes_ = bytes; }
  // Any time; null for none.
  void set_profiler(Profiler* profiler) { profiler_ = profiler; }

  // Checks the model, prepares each operator and places the tensors.
  Status Allocate();
  // Runs all operators, or those of [first, first + count).
  Status Run() { return Run(0, op_count()); }
  Status Run(int first, int count);
  // Gives the variables the value 0.
  void ResetVariables();

  int op_count() const { return plan_.count; }
  // The operator that runs now or ran last, -1 before the first run and after one that failed. May
  // be read from an interrupt.
  int current_op() const { return current_op_; }

  const Subgraph& graph() const { return graph_; }
  int input_count() const { return graph_.inputs().size(); }
  int output_count() const { return graph_.outputs().size(); }
  // Any tensor of the model with its data; null data if it has no memory.
  TensorView tensor(int index) const;
  TensorView input(int i) const { return End(graph_.inputs()[i], i); }
  TensorView output(int i) const { return End(graph_.outputs()[i], input_count() + i); }
  // Zeroed room for the caller's own records: the inputs', then the outputs'.
  void* io_records() const { return io_records_; }
  // The tensor's memory holds its value after operator current_op(), and no other tensor's yet.
  bool IsLive(int tensor) const;

  // Why the last Allocate or Run failed.
  const Diagnosis& diagnosis() const { return diagnosis_; }
  // Smallest arena that does for this model; after a failed Allocate what was found to be needed so
  // far (exact if the reason says so).
  size_t arena_used_bytes() const { return arena_.needed_bytes(); }
  // Of those, for tensors and scratch; after Allocate.
  uint32_t planned_bytes() const { return arena_.mark(); }

 private:
  friend class PrepareContext;

  // `first` of the buffers of tensors that no operator writes.
  enum : int16_t { kUnwritten = -1, kConstant = -2, kVariable = -3 };

  Status Open();
  Status FindLifetimes();
  Status NoteRead(int tensor, int op);
  Status NoteWrite(int tensor, int op);
  Status TakeOfflinePlan();
  bool MayShare(int input, int output, int op) const;
  void ShareWithInput(const OpView& op, int index);
  void PlaceVariables();
  Status PrepareAll();
  Status PrepareOp(int index);
  Status CheckCounts(const OpView& op, const Kernel& kernel);
  Status PlanMemory();
  Status FailTooSmall(bool exact);
  // Memory that is kept from run to run, each byte `initial` before the first. Null if the arena
  // has no room.
  void* KeepState(uint32_t bytes, uint16_t initial);
  // The first to say so decides what memory kept with kAnyStart starts as.
  void StartStateAs(void* data, uint16_t initial);
  // Makes a plan for a subgraph that an operator runs.
  Status Call(int subgraph, CalledGraph* called);
  // Finds or makes a variable. Null if the arena has no room.
  Variable* FindVariable(const Vector<uint8_t>& container, const Vector<uint8_t>& name);
  Status PlanCalled(int subgraph, CalledGraph* called);
  void FillArgs();
  void* Locate(int tensor) const;
  void OpenMemoryOf(int op) const;
  static int InputArgs(const OpView& op, const Kernel& kernel) {
    return op.inputs.size() > kernel.max_inputs ? op.inputs.size() : kernel.max_inputs;
  }
  // The operators that need a tensor, and its data; null data if it has no memory.
  struct Use {
    int first;
    int last;
    void* data;
  };
  Use FindUse(int tensor) const;
  bool IsOverwritten(int tensor, const void* data) const;
  TensorView End(int index, int port) const;

  // Memory of an operator or a variable, after this header.
  struct alignas(8) State {
    State* next;
    uint16_t initial;
    uint32_t bytes;
    void Reset();
  };

  const void* model_;
  KernelSet kernels_;
  Arena arena_;
  uint32_t model_bytes_ = INT32_MAX;
  bool preserve_tensors_ = false;
  Profiler* profiler_ = nullptr;
  Subgraph graph_;
  tinydeploy::Plan plan_;
  bool ready_ = false;
  uint32_t io_record_bytes_ = 0;
  void* io_records_ = nullptr;
  void** io_ = nullptr;        // data of the inputs, then of the outputs
  Buffer* buffers_ = nullptr;  // one a tensor, then one a scratch buffer; only while allocating
  int scratch_count_ = 0;
  State* states_ = nullptr;
  Variable* variables_ = nullptr;
  bool has_variables_ = false;  // as tensors of the main subgraph
  int depth_ = 0;               // of the subgraph that is being prepared; the main one is 0
  volatile int current_op_ = -1;
  Diagnosis diagnosis_;
};

}  // namespace tinydeploy

#endif  // TINYDEPLOY_RUNTIME_INTERPRETER_H_
