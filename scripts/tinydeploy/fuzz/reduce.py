"""Makes a failing graph smaller: to the operators up to the first wrong one, then to it alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tinydeploy.fuzz.cases import Case
from tinydeploy.fuzz.judging import JudgeCrashError, JudgeProcess
from tinydeploy.graph.ir import Model, Op, Subgraph, Tensor
from tinydeploy.graph.write_tflite import dump

Fails = Callable[[Sequence[Case]], "list[bool]"]  # which of these cases fail


def reduce(case: Case, fails: Fails, judge: JudgeProcess) -> Case:
    """The smallest case found that still fails; `case` itself if nothing smaller does."""
    ops = case.model.main.ops
    if len(ops) < 2:
        return case
    prefixes = [_cut(case, count) for count in range(1, len(ops) + 1)]
    failed = fails(prefixes)
    if not any(failed):
        return case
    first = failed.index(True)
    alone = _alone(case, ops[first], judge)
    return alone if alone is not None and fails([alone])[0] else prefixes[first]


def _cut(case: Case, count: int) -> Case:
    """The first `count` operators, with the outputs of the last."""
    ops = case.model.main.ops[:count]
    return _case(case, ops, ops[-1].outputs, f"first {count} operators of the {case.label}")


def _case(case: Case, ops: Sequence[Op], outputs: Sequence[Tensor], label: str) -> Case:
    graph = case.model.main
    used = {tensor for op in ops for tensor in [*op.operands, *op.outputs]}
    cut = Subgraph(
        tensors=[tensor for tensor in graph.tensors if tensor in used],
        ops=list(ops),
        inputs=[tensor for tensor in graph.inputs if tensor in used],
        outputs=list(outputs),
    )
    inputs = [
        [value for tensor, value in zip(graph.inputs, run, strict=True) if tensor in used]
        for run in case.inputs
    ]
    model = Model([cut, *case.model.subgraphs[1:]])
    return replace(case, label=label, model=model, data=dump(model), inputs=inputs)


def _alone(case: Case, op: Op, judge: JudgeProcess) -> Case | None:
    """Only this operator, on what TFLM computes for its operands."""
    graph = case.model.main
    operands = list(
        dict.fromkeys(t for t in op.operands if not t.is_constant and not t.is_variable)
    )
    made = [tensor for tensor in operands if tensor not in graph.inputs]
    before = graph.ops[: graph.ops.index(op)]
    values = dict(zip(graph.inputs, zip(*case.inputs, strict=True), strict=True))
    if made:
        try:
            answers = judge.run(_case(case, before, made, case.label))
        except JudgeCrashError:
            answers = None
        if answers is None:
            return None
        values |= dict(zip(made, zip(*answers, strict=True), strict=True))
    label = f"{op.name} of the {case.label}"
    alone = Subgraph(
        tensors=[*dict.fromkeys(op.operands), *op.outputs],
        ops=[op],
        inputs=operands,
        outputs=list(op.outputs),
    )
    model = Model([alone, *case.model.subgraphs[1:]])
    runs = [[values[tensor][run] for tensor in operands] for run in range(len(case.inputs))]
    return replace(case, label=label, model=model, data=dump(model), inputs=runs)
