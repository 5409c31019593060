// IF, WHILE, CALL_ONCE: operators that run subgraphs.
#include <string.h>

#include "kernels/common/refuse.h"
#include "kernels/kernels.h"

namespace tinydeploy {
namespace {

struct FlowParams {
  int32_t inputs;  // arguments in front of the outputs
  int32_t outputs;
};

const CalledGraph& Graph(void* const* args, int index) {
  return *static_cast<const CalledGraph*>(args[index]);
}

void Copy(void* to, const void* from, uint32_t bytes) {
  if (bytes != 0 && to != from) memcpy(to, from, bytes);
}

// Inputs from `from`, one run, outputs to `to`.
Status Run(const CalledGraph& graph, void* const* from, void* const* to, int outputs) {
  for (int i = 0; i < graph.inputs; ++i) Copy(graph.ports[i].data, from[i], graph.ports[i].bytes);
  TINYDEPLOY_TRY(RunPlan(graph.plan));
  for (int i = 0; i < outputs; ++i) {
    const CalledGraph::Port& port = graph.ports[graph.inputs + i];
    Copy(to[i], port.data, port.bytes);
  }
  return Status::kOk;
}

Status EvalIf(const void* params, void* const* args) {
  const auto& p = *static_cast<const FlowParams*>(params);
  void* const* outputs = args + p.inputs;
  const int branch = *static_cast<const Bool*>(args[0]) ? 0 : 1;
  return Run(Graph(outputs, p.outputs + branch), args + 1, outputs, p.outputs);
}

// The loop's variables live in the operator's outputs.
Status EvalWhile(const void* params, void* const* args) {
  const auto& p = *static_cast<const FlowParams*>(params);
  void* const* outputs = args + p.inputs;
  const CalledGraph& condition = Graph(outputs, p.outputs);
  const CalledGraph& body = Graph(outputs, p.outputs + 1);
  for (int i = 0; i < p.outputs; ++i) Copy(outputs[i], args[i], body.ports[i].bytes);
  for (;;) {
    TINYDEPLOY_TRY(Run(condition, outputs, nullptr, 0));
    if (!*static_cast<const Bool*>(condition.ports[condition.inputs].data)) return Status::kOk;
    TINYDEPLOY_TRY(Run(body, outputs, outputs, p.outputs));
  }
}

Status EvalCallOnce(const void*, void* const* args) {
  auto* done = static_cast<uint8_t*>(args[1]);
  if (*done != 0) return Status::kOk;
  *done = 1;
  return RunPlan(Graph(args, 0).plan);
}

// The subgraph takes the operator's inputs from `first_input` on.
bool InputsFit(const PrepareContext& context, const CalledGraph& graph, int first_input) {
  if (graph.inputs != context.input_count() - first_input) return false;
  for (int i = 0; i < graph.inputs; ++i) {
    if (!context.has_input(first_input + i)) return false;
    if (graph.ports[i].bytes != context.input(first_input + i).bytes) return false;
  }
  return true;
}

bool OutputsFit(const PrepareContext& context, const CalledGraph& graph) {
  if (graph.outputs != context.output_count()) return false;
  for (int i = 0; i < graph.outputs; ++i) {
    if (graph.ports[graph.inputs + i].bytes != context.output(i).bytes) return false;
  }
  return true;
}

Status FillParams(PrepareContext& context, EvalFn eval) {
  auto* params = context.Params<FlowParams>();
  if (params == nullptr) return kNoMemory;
  *params = {context.input_count(), context.output_count()};
  context.SetEval(eval);
  return Status::kOk;
}

}  // namespace

Status PrepareIf(PrepareContext& context) {
  if (context.input(0).type != Type::kBool) return RefuseTypes(context);
  if (context.input(0).shape.elements() != 1) return RefuseShapes(context);
  TINYDEPLOY_TRY(FillParams(context, EvalIf));
  for (int branch = 0; branch < 2; ++branch) {
    const CalledGraph* graph;
    TINYDEPLOY_TRY(context.Call(context.options().get<int32_t>(branch, 0), &graph));
    if (!graph->ready()) continue;
    if (!InputsFit(context, *graph, 1) || !OutputsFit(context, *graph)) {
      return RefuseShapes(context);
    }
  }
  return Status::kOk;
}

Status PrepareWhile(PrepareContext& context) {
  enum : int { kCondition, kBody };
  if (context.input_count() != context.output_count()) return RefuseShapes(context);
  TINYDEPLOY_TRY(FillParams(context, EvalWhile));
  const CalledGraph* condition;
  const CalledGraph* body;
  TINYDEPLOY_TRY(context.Call(context.options().get<int32_t>(kCondition, 0), &condition));
  TINYDEPLOY_TRY(context.Call(context.options().get<int32_t>(kBody, 0), &body));
  if (!condition->ready() || !body->ready()) return Status::kOk;
  const bool decides =
      condition->outputs == 1 && condition->ports[condition->inputs].bytes == sizeof(bool);
  return decides && InputsFit(context, *condition, 0) && InputsFit(context, *body, 0) &&
                 OutputsFit(context, *body)
             ? Status::kOk
             : RefuseShapes(context);
}

Status PrepareCallOnce(PrepareContext& context) {
  const CalledGraph* graph;
  TINYDEPLOY_TRY(FillParams(context, EvalCallOnce));
  TINYDEPLOY_TRY(context.Call(context.options().get<int32_t>(0, 0), &graph));
  return context.State(1);
}

}  // namespace tinydeploy
