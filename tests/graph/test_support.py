"""What the declarations say of the kernels against the kernels: types they take, RAM they keep."""

from __future__ import annotations

import dataclasses
import importlib.util
import itertools
import sys
import zlib
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy import arena
from tinydeploy.config import ROOT
from tinydeploy.fuzz import cases
from tinydeploy.fuzz.draw import Draw, Types, UnfitError
from tinydeploy.fuzz.families import GENERATORS
from tinydeploy.graph.build import alone
from tinydeploy.graph.ir import Model, Op, Tensor, Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.emit import aot_prepare
from tinydeploy.ops.declared import OPERATORS
from tinydeploy.ops.operator import ANY
from tinydeploy.ops.types import signature

FIRMWARE_TESTS = ROOT / "tests/firmware"
TRIES = 8  # to find an operator of declared types
DRAWS = 2  # of types that may be refused
_TYPES = [Type.FLOAT32, Type.INT8, Type.INT16, Type.UINT8, Type.INT32, Type.INT64, Type.BOOL]
_WIDE = [Type.UINT32, Type.UINT64]
_WEIGHTS = [Type.FLOAT32, Type.INT8, Type.INT16, Type.INT4]
TYPED = sorted(code for code, operator in OPERATORS.items() if operator.types != ANY)


def _asked(code: str) -> Iterator[Types]:
    """All that are tried; the widest only of operators that have any: TFLM copies no such data."""
    operator = OPERATORS[code]
    kinds = [*_TYPES, *(_WIDE if "uint32" in operator.types or "uint64" in operator.types else ())]
    for data, result in itertools.product(kinds, kinds):
        if operator.weights is None:
            yield Types(data, data, result)
        else:
            yield from (Types(data, weights, result) for weights in _WEIGHTS)


def _rng(code: str, number: int) -> np.random.Generator:
    return np.random.default_rng([zlib.crc32(code.encode()), number])


def _drawn(code: str, types: Types, number: int) -> Op | None:
    """The generator's operator; None where it does not know these types."""
    draw = Draw(_rng(code, number))
    try:
        GENERATORS[code](draw, code, types)
    except (AssertionError, KeyError, UnfitError, ValueError):
        return None
    return next(op for op in draw.build.subgraph.ops if op.name == code)


def _retyped(op: Op, types: Types) -> Op:
    """The operator with other types of data, weights and result."""
    operator = OPERATORS[op.name]
    data, result = op.inputs[operator.data], op.outputs[0]
    assert data is not None
    weights = None if operator.weights is None else op.input(operator.weights)
    new = {x: _as(x, types.data) for x in op.operands if x.type is data.type}
    if weights is not None:
        new[weights] = _as(weights, types.weights)
    inputs = [None if x is None else new.get(x, x) for x in op.inputs]
    outputs = [_as(result, types.result), *op.outputs[1:]]
    return dataclasses.replace(op, inputs=inputs, outputs=outputs)


def _as(tensor: Tensor, kind: Type) -> Tensor:
    data = None if tensor.data is None else tensor.data.astype(kind.dtype)
    scale = tensor.quantization or (None if kind.is_float else per_tensor(1.0, 0))
    return dataclasses.replace(tensor, type=kind, data=data, quantization=scale)


def _templates(code: str) -> list[Op]:
    """An operator of each declared combination."""
    every = [Types.parse(types) for types in sorted(OPERATORS[code].combinations)]
    drawn = (_drawn(code, types, number) for types in every for number in range(TRIES))
    return [op for op in drawn if op is not None and _takes(op)]


def _takes(op: Op) -> bool:
    return aot_prepare.params_bytes(dump(alone(op))) > 0


def _candidates(code: str, templates: list[Op], types: Types) -> Iterator[Op]:
    yield from filter(None, (_drawn(code, types, number) for number in range(DRAWS)))
    first = {signature(op): op for op in reversed(templates)}
    yield from (_retyped(op, types) for op in first.values())


@pytest.mark.parametrize("code", TYPED)
def test_declaration_says_what_the_kernels_take(code: str) -> None:
    templates, accepted, asked = _templates(code), set(), set()
    for types in _asked(code):
        for op in _candidates(code, templates, types):
            asked.add(signature(op))
            if signature(op) not in accepted and _takes(op):
                accepted.add(signature(op))
    assert accepted == OPERATORS[code].combinations
    assert len(asked) >= len(_TYPES)  # others were refused


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"firmware_{name}", FIRMWARE_TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def runner() -> Iterator[Any]:
    runner = _module("runner").Runner(_module("host_build").zig_runner_32())
    yield runner
    runner.close()


def _sixteen(op: Op) -> Model:
    """The same op sixteen times, so that sizes show although the arena is a multiple of 16."""
    model = alone(op)
    for _ in range(15):
        outputs = [dataclasses.replace(output) for output in op.outputs]
        model.main.tensors += outputs
        model.main.ops.append(dataclasses.replace(op, outputs=outputs))
    return model


@pytest.mark.parametrize("code", TYPED)
def test_declaration_says_what_the_kernels_keep(runner: Any, code: str) -> None:
    for types in cases.combinations(code):
        draw = cases.one_op(_rng(code, 0), code, types)
        op = next(op for op in draw.build.subgraph.ops if op.name == code)
        model = _sixteen(op)
        reply = runner.run(dump(model), arena_bytes=1 << 22)
        if reply.ok:
            assert reply.arena_used // 16 * 16 == arena.needs(model).total_bytes, types
