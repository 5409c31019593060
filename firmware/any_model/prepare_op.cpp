// Prepares a model's last operator for the compiled engine:
// scripts/tinydeploy/lower/emit/aot_prepare.py writes `g_prepare_job`, calls `PrepareOp` on a
// simulated CPU and takes the params over into the plan.
#include <stdint.h>

#include "kernels/kernels.h"
#include "runtime/planner.h"
#include "runtime/prepare_context.h"

using namespace tinydeploy;

namespace {

constexpr int kMostBuffers = limits::kPreparedBuffers;

struct Job {
  const void* model;
  uint32_t model_bytes;
  void* arena;
  uint32_t arena_bytes;
};

struct Reply {
  uint32_t ok;
  uint32_t needs_interpreter;  // runs other subgraphs or shares variables
  EvalFn eval;
  const void* params;
  uint32_t params_bytes;
  uint32_t input_args;
  uint32_t buffer_count;  // scratch and state, in the order of the arguments
  struct {
    uint32_t bytes;
    uint32_t initial;  // what each byte is at first; kUnplaced: scratch, anything
  } buffers[kMostBuffers];
};

const Kernel* const kAllKernels[] = {
#define TINYDEPLOY_OP(Name, NAME, code, min_inputs, max_inputs, outputs) &k##Name,
#include "kernels/ops.def"
#undef TINYDEPLOY_OP
};
constexpr int kKernelCount = static_cast<int>(sizeof(kAllKernels) / sizeof(kAllKernels[0]));

}  // namespace

extern "C" {

Job g_prepare_job;
Reply g_prepare_reply;
char g_prepare_reason[96];

void PrepareOp() {
  const Job job = g_prepare_job;
  Reply& reply = g_prepare_reply = {};
  Diagnosis diagnosis;
  Subgraph graph;
  Arena arena(job.arena, job.arena_bytes);
  const Kernel* kernel = nullptr;
  if (OpenModel(job.model, job.model_bytes, &graph, diagnosis) == Status::kOk) {
    kernel = KernelSet{kAllKernels, kKernelCount}.find(graph.op(graph.op_count() - 1));
  }
  if (kernel != nullptr) {
    const int last = graph.op_count() - 1;
    PrepareContext context(graph, last, arena, nullptr, diagnosis);
    reply.ok = kernel->prepare(context) == Status::kOk;
    reply.needs_interpreter = context.needs_interpreter();
    const int inputs = graph.op(last).inputs.size(), most = kernel->max_inputs;
    const Step& step = context.step();
    reply.eval = step.eval;
    reply.params = step.params;
    const auto end = reinterpret_cast<uintptr_t>(arena.base()) + arena.capacity();
    if (step.params != nullptr) {
      reply.params_bytes = static_cast<uint32_t>(end - reinterpret_cast<uintptr_t>(step.params));
    }
    reply.input_args = static_cast<uint32_t>(inputs > most ? inputs : most);
    const auto* buffers = reinterpret_cast<const Buffer*>(arena.base());
    reply.buffer_count = static_cast<uint32_t>(context.scratch_count());
    reply.ok = reply.ok && context.scratch_count() <= kMostBuffers;
    for (int i = 0; i < context.scratch_count() && i < kMostBuffers; ++i) {
      reply.buffers[i] = {buffers[i].bytes, buffers[i].offset};
    }
  }
  static_assert(sizeof(g_prepare_reason) == sizeof(diagnosis.reason), "a reason");
  for (unsigned i = 0; i < sizeof(g_prepare_reason); ++i) {
    g_prepare_reason[i] = diagnosis.reason[i];
  }
}
}
