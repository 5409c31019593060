"""Control flow and variables: models of several subgraphs."""

from __future__ import annotations

import numpy as np

from tinydeploy.fuzz.draw import Draw, Shape, Types
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Quantization, Tensor, Type

_STEPS = ("ADD", "MUL", "SUB")
_MOST_TURNS = 5


def _step(draw: Draw, build: Builder, x: Tensor, result: Quantization | None) -> Tensor:
    """Combine `x` with a constant, twice now and then."""
    kept = draw.quantization(x.type)
    constant = build.constant(draw.values((1,), x.type), x.type, kept)
    if draw.chance(0.3):
        x = build.op(draw.pick(_STEPS), [x, constant], x.shape, x.type, draw.quantization(x.type))
    return build.op(draw.pick(_STEPS), [x, constant], x.shape, x.type, result)


def _branch(draw: Draw, x: Tensor, result: Quantization | None) -> int:
    """A subgraph that computes something of a tensor like `x`; its index in the model."""
    build = Builder("branch")
    given = build.input(x.shape, x.type, x.quantization)
    return draw.call(build.model(_step(draw, build, given, result)).main)


def if_(draw: Draw, code: str, types: Types) -> None:
    """IF: one of two subgraphs, by a condition that comes in."""
    condition = draw.build.input((1,), Type.BOOL)
    x = draw.source(types.data)
    result = draw.quantization(types.data)
    draw.result(
        code, [condition, x], x.shape, types.data, result,
        then_subgraph_index=_branch(draw, x, result), else_subgraph_index=_branch(draw, x, result),
    )  # fmt: skip


def while_(draw: Draw, code: str, types: Types) -> None:
    """WHILE a counter is below a limit; most start below it."""
    start = draw.build.input((1,), Type.INT32)
    x = draw.source(types.data)
    limit = Builder("condition")
    i = limit.input((1,), Type.INT32)
    limit.input(x.shape, x.type, x.quantization)
    end = limit.constant(np.array([100 + draw.integer(-20, 0)], np.int32))
    check = draw.call(limit.model(limit.op("LESS", [i, end], (1,), Type.BOOL)).main)
    body = Builder("body")
    i, value = body.input((1,), Type.INT32), body.input(x.shape, x.type, x.quantization)
    stride = body.constant(np.array([200 // _MOST_TURNS], np.int32))
    following = body.op("ADD", [i, stride], (1,), Type.INT32)
    turn = draw.call(body.model(following, _step(draw, body, value, x.quantization)).main)
    outputs = [
        draw.build.tensor((1,), Type.INT32),
        draw.build.tensor(x.shape, x.type, x.quantization),
    ]
    draw.results(code, [start, x], outputs, cond_subgraph_index=check, body_subgraph_index=turn)


def variables(draw: Draw, code: str, types: Types) -> None:
    """CALL_ONCE sets a variable; each run reads it, adds the input and assigns it."""
    kind = types.data
    shape: Shape = draw.shape(draw.integer(1, 3))
    scale = draw.quantization(kind)
    setup = Builder("setup")
    first = setup.constant(draw.values(shape, kind), kind, scale)
    setup.ops("ASSIGN_VARIABLE", [_handle(setup), first], [])
    draw.build.ops("CALL_ONCE", [], [], init_subgraph_index=draw.call(setup.model().main))
    x = draw.source(kind, shape=shape)
    handle = _handle(draw.build)
    old = draw.build.op("READ_VARIABLE", [handle], shape, kind, scale)
    new = draw.build.op("ADD", [old, x], shape, kind, scale)
    draw.build.ops("ASSIGN_VARIABLE", [handle, new], [])
    draw.result("ADD", [new, old], shape, kind)


def _handle(build: Builder) -> Tensor:
    return build.op("VAR_HANDLE", [], (), Type.RESOURCE, container="", shared_name="sum")


GENERATORS = {
    **dict.fromkeys(["ASSIGN_VARIABLE", "CALL_ONCE", "READ_VARIABLE", "VAR_HANDLE"], variables),
    "IF": if_,
    "WHILE": while_,
}
