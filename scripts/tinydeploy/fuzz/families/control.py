"""Control flow and variables: models of several subgraphs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Quantization, Subgraph, Tensor, Type

_STEPS = ("ADD", "MUL", "SUB")
_MOST_TURNS = 5


def _step(draw: Draw, build: Builder, x: Tensor, result: Quantization | None) -> Tensor:
    """Combine `x` with a constant, twice now and then."""
    kept = draw.quantization(x.type)
    constant = build.constant(draw.values((1,), x.type), x.type, kept)
    if draw.chance(0.3):
        x = build.op(draw.pick(_STEPS), [x, constant], x.shape, x.type, draw.quantization(x.type))
    return build.op(draw.pick(_STEPS), [x, constant], x.shape, x.type, result)


def _branch(draw: Draw, inputs: Sequence[Tensor], results: Sequence[Quantization | None]) -> int:
    """A subgraph with a result of each input, now and then the input; its index in the model."""
    build = Builder("branch")
    given = [build.input(x.shape, x.type, x.quantization) for x in inputs]
    outputs = [
        x if x.quantization is scale and draw.chance(0.3) else _step(draw, build, x, scale)
        for x, scale in zip(given, results, strict=True)
    ]
    return draw.call(build.model(*outputs).main)


def if_(draw: Draw, code: str, types: Types) -> None:
    """IF: one of two subgraphs, by a condition that comes in."""
    condition = draw.source(Type.BOOL, shape=(1,))
    inputs = [draw.source(types.data) for _ in range(draw.integer(1, 2))]
    results = [x.quantization if draw.chance(0.4) else draw.quantization(x.type) for x in inputs]
    outputs = [
        draw.build.tensor(x.shape, x.type, scale) for x, scale in zip(inputs, results, strict=True)
    ]
    draw.results(
        code, [condition, *inputs], outputs, then_subgraph_index=_branch(draw, inputs, results),
        else_subgraph_index=_branch(draw, inputs, results),
    )  # fmt: skip


def while_(draw: Draw, code: str, types: Types) -> None:
    """WHILE a counter is below a limit; most start below it."""
    start = draw.source(Type.INT32, shape=(1,))
    x = draw.source(types.data, suits=lambda t: t is not start)
    outputs = [
        draw.build.tensor((1,), Type.INT32, start.quantization),
        draw.build.tensor(x.shape, x.type, x.quantization),
    ]
    draw.results(
        code, [start, x], outputs, cond_subgraph_index=draw.call(_condition(draw, start, x)),
        body_subgraph_index=draw.call(_body(draw, start, x)),
    )  # fmt: skip


def _condition(draw: Draw, start: Tensor, x: Tensor) -> Subgraph:
    build = Builder("condition")
    i = build.input((1,), Type.INT32, start.quantization)
    build.input(x.shape, x.type, x.quantization)
    end = build.constant(np.array([100 + draw.integer(-20, 0)], np.int32))
    return build.model(build.op("LESS", [i, end], (1,), Type.BOOL)).main


def _body(draw: Draw, start: Tensor, x: Tensor) -> Subgraph:
    build = Builder("body")
    i = build.input((1,), Type.INT32, start.quantization)
    value = build.input(x.shape, x.type, x.quantization)
    stride = build.constant(np.array([200 // _MOST_TURNS], np.int32))
    following = build.op("ADD", [i, stride], (1,), Type.INT32, start.quantization)
    return build.model(following, _step(draw, build, value, x.quantization)).main


def variables(draw: Draw, code: str, types: Types) -> None:
    """Each run reads a variable, adds the input and assigns it; CALL_ONCE may have set it first."""
    x = draw.source(types.data)
    shape, kind, scale = x.shape, x.type, draw.quantization(x.type)
    name = f"sum {len(draw.build.subgraph.ops)}"
    if code == "CALL_ONCE" or draw.chance(0.5):
        setup = Builder("setup")
        first = setup.constant(draw.values(shape, kind), kind, scale)
        setup.ops("ASSIGN_VARIABLE", [_handle(setup, name), first], [])
        draw.build.ops("CALL_ONCE", [], [], init_subgraph_index=draw.call(setup.model().main))
    handle = _handle(draw.build, name)
    old = draw.build.op("READ_VARIABLE", [handle], shape, kind, scale)
    new = draw.build.op("ADD", [old, x], shape, kind, scale)
    draw.build.ops("ASSIGN_VARIABLE", [handle, new], [])
    draw.result("ADD", [new, old], shape, kind)


def _handle(build: Builder, name: str) -> Tensor:
    return build.op("VAR_HANDLE", [], (), Type.RESOURCE, container="", shared_name=name)


GENERATORS = {
    **dict.fromkeys(["ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"], variables),
    "IF": if_,
    "WHILE": while_,
}
