"""The arena as `inspect` tells it against the device's, for both engines."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from tinydeploy import arena, passes
from tinydeploy.bench import architectures
from tinydeploy.config import MODELS_DIR, ROOT
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.fuzz import build as fuzz_build
from tinydeploy.fuzz import cases
from tinydeploy.fuzz.runner import CortexM4Runner
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Quantization, Type, per_tensor
from tinydeploy.graph.read_tflite import load
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.build_plan import assemble
from tinydeploy.lower.lowering import NotCompilableError, Rule
from tinydeploy.lower.rules.table import RULES, RULES_WITHOUT_BUILDING
from tinydeploy.ops.types import SUPPORTED
from tinydeploy.stages.compile_plan import evaluate

FIRMWARE_TESTS = ROOT / "tests/firmware"
UNIT = per_tensor(1, 0)


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"firmware_{name}", FIRMWARE_TESTS / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def used() -> Iterator[Callable[[bytes], int]]:
    """Bytes of arena that the 32-bit runtime uses for a model."""
    if not (FIRMWARE_TESTS / "host_build.py").is_file():
        pytest.skip("no host build of the firmware here")
    runner = _module("runner").Runner(_module("host_build").zig_runner_32())

    def ask(model: bytes) -> int:
        reply = runner.run(model)
        assert reply.ok, reply.reason
        return int(reply.arena_used) // 16 * 16  # without what aligns the PC's memory to 16

    yield ask
    runner.close()


def _told(data: bytes) -> int:
    needs = arena.needs(load(data))
    assert needs.exact
    return needs.total_bytes


def _window(padding: str = "SAME") -> dict[str, Any]:
    return {"padding": padding, "stride_w": 1, "stride_h": 1}


def _convolutions(kind: Type, filters: int) -> Model:
    """Every kernel of the table that has weights or a window."""
    build = Builder()
    quantized = kind is Type.INT8
    unit = UNIT if quantized else None
    x = build.input((1, 5, 4, 3), kind, unit)
    rng = np.random.default_rng(filters)

    def weights(*shape: int, axis: int = 0) -> Any:
        scales = Quantization(
            np.ones(shape[axis], np.float32), np.zeros(shape[axis], np.int64), axis
        )
        values = rng.integers(-3, 4, shape).astype(kind.dtype)
        return build.constant(values, quantization=scales if quantized else None)

    shape = (1, 5, 4, filters)
    y = build.op("CONV_2D", [x, weights(filters, 2, 2, 3), None], shape, kind, unit, **_window())
    taps = weights(1, 3, 3, filters, axis=3)
    options = {"depth_multiplier": 1, **_window()}
    y = build.op("DEPTHWISE_CONV_2D", [y, taps, None], shape, kind, unit, **options)
    window = {"filter_width": 2, "filter_height": 2, **_window("VALID")}
    y = build.op("MAX_POOL_2D", [y], (1, 4, 3, filters), kind, unit, **window)
    y = build.op("AVERAGE_POOL_2D", [y], (1, 3, 2, filters), kind, unit, **window)
    flat = build.constant(np.array([1, 6 * filters], np.int32))
    y = build.op("RESHAPE", [y, flat], (1, 6 * filters), kind, unit)
    y = build.op("FULLY_CONNECTED", [y, weights(5, 6 * filters), None], (1, 5), kind, unit)
    last = per_tensor(1 / 256, -128) if quantized else None
    return build.model(build.op("SOFTMAX", [y], (1, 5), kind, last, beta=1.0))


@pytest.mark.parametrize("kind", [Type.INT8, Type.FLOAT32])
@pytest.mark.parametrize("filters", [1, 2, 7, 16])
def test_arena_is_exact(used: Callable[[bytes], int], kind: Type, filters: int) -> None:
    data = dump(_convolutions(kind, filters))
    assert used(data) == _told(data)


def test_arena_with_quantize_and_two_ends(used: Callable[[bytes], int]) -> None:
    build = Builder()
    x = build.input((1, 9), Type.FLOAT32)
    a = build.op("QUANTIZE", [x], (1, 9), Type.INT8, UNIT)
    data = dump(build.model(a, build.op("DEQUANTIZE", [a], (1, 9), Type.FLOAT32)))
    assert used(data) == _told(data)


def test_arena_of_kws(used: Callable[[bytes], int], kws: Path) -> None:
    """TFLM needs 22,784 bytes on a Cortex-M4 (bench/peers.py)."""
    data = kws.read_bytes()
    assert used(data) == _told(data) < 22_784


@pytest.mark.parametrize("path", sorted(MODELS_DIR.rglob("*.tflite")), ids=lambda p: p.stem)
def test_arena_of_our_models(used: Callable[[bytes], int], path: Path) -> None:
    assert used(path.read_bytes()) == _told(path.read_bytes())


@pytest.mark.parametrize("name", architectures.BUILDERS)
def test_arena_of_architectures(used: Callable[[bytes], int], name: str) -> None:
    data = dump(architectures.BUILDERS[name]())
    assert used(data) == _told(data)


# ---- Every operator in every combination of types ----


def _every_case(seed: int) -> Iterator[cases.Case]:
    """Models of all operators in all their types, and ten whole graphs."""
    names = [*cases.subjects([]), *cases.subjects(cases.judged_by_reference())]
    return (cases.make(seed, number, names) for number in range(len(names)))


def _compare(ask: Callable[[bytes], int], seed: int) -> None:
    seen: set[str] = set()
    for case in _every_case(seed):
        assert ask(case.data) == _told(case.data), case.label
        seen |= {op.name for op in case.model.ops}
    assert seen >= set(SUPPORTED)


def test_every_operator(used: Callable[[bytes], int]) -> None:
    _compare(used, seed=21)


def test_every_operator_on_a_cortex_m4() -> None:
    runner = CortexM4Runner(fuzz_build.cortex_m4_runner())

    def ask(model: bytes) -> int:
        reply = runner.run(model)
        assert reply.ok, reply.reason
        return reply.arena_used

    _compare(ask, seed=22)


def _compiled(model: Model, rules: Mapping[str, Rule]) -> int | None:
    try:
        return assemble(model, evaluate, rules).arena_bytes
    except NotCompilableError:
        return None


def test_the_compiled_engine_without_a_compiler() -> None:
    """With and without the kernels' own Prepare, which takes building."""
    refused = 0
    for case in _every_case(23):
        passes.optimise(case.model, evaluate)
        told = _compiled(case.model, RULES_WITHOUT_BUILDING)
        assert told == _compiled(case.model, RULES), case.label
        refused += told is None
    assert 0 < refused < 60  # what keeps state, or runs other subgraphs


# ---- By hand ----


def test_a_subgraph_without_an_end() -> None:
    build = Builder()
    build.input((1,), Type.FLOAT32)
    build.ops("CALL_ONCE", [], [], init_subgraph_index=0)
    with pytest.raises(UnsupportedModelError, match="too deeply"):
        arena.needs(build.model())


def test_options_that_cannot_be_read() -> None:
    """The device refuses such an operator; `inspect` lives."""
    build = Builder()
    x = build.input((1, 8), Type.INT16)
    y = build.op("SignalRfft", [x], (1, 10), Type.INT16, fft_length=8)
    model = build.model(y)
    whole = model.main.ops[0].custom_options
    assert arena.needs(model).plan.buffers[-1].size == 16  # 8 samples
    for end in range(len(whole)):
        model.main.ops[0].custom_options = whole[:end]
        assert arena.needs(model).total_bytes > 0
