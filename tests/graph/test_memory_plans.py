"""The plans of whole models: the runtime's and the host's, tensor by tensor."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tinydeploy import kernels, memory
from tinydeploy.bench import architectures
from tinydeploy.errors import ModelFileError
from tinydeploy.fuzz import build as fuzz_build
from tinydeploy.fuzz import cases
from tinydeploy.fuzz.runner import HostRunner, Reply
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Tensor, Type
from tinydeploy.graph.read_tflite import load
from tinydeploy.graph.write_tflite import dump

GRAPHS = 120


@pytest.fixture(scope="module")
def runner() -> Iterator[HostRunner]:
    made = HostRunner(fuzz_build.host_runner())
    yield made
    made.close()


@pytest.fixture(scope="module")
def offsets(runner: HostRunner) -> Callable[[bytes], list[int]]:
    """Where the runtime puts each tensor of a model, -1 for those that have no place."""

    def ask(data: bytes) -> list[int]:
        reply = runner.run(data)
        assert reply.ok, reply.reason
        return list(struct.unpack(f"<{len(reply.outputs) // 4}i", reply.outputs))

    return ask


def _told(model: Model) -> dict[int, int]:
    """Where the host puts them, by tensor index."""
    named = memory.buffers_of(model.main, memory.offline_offsets(model))
    placed = memory.plan_model(model).buffers
    index = {tensor: number for number, tensor in enumerate(model.main.tensors)}
    return {index[t]: b.offset for t, b in zip(named, placed, strict=False)}  # then scratch


def _agrees(model: Model, found: list[int]) -> bool:
    return all(found[index] == offset for index, offset in _told(model).items())


def test_random_graphs(offsets: Callable[[bytes], list[int]]) -> None:
    shared = 0
    for number in range(GRAPHS):
        data = cases.make(3, number, [cases.GRAPH]).data
        model = load(data)
        assert _agrees(model, offsets(data)), number
        shared += sum(b.owner is not None for b in memory.plan_model(model).buffers)
    assert shared > GRAPHS // 2  # something was computed in place


@pytest.mark.parametrize("name", architectures.BUILDERS)
def test_architectures(name: str, offsets: Callable[[bytes], list[int]]) -> None:
    data = dump(architectures.BUILDERS[name]())
    assert _agrees(load(data), offsets(data))


def test_kws(kws: Path, offsets: Callable[[bytes], list[int]]) -> None:
    assert _agrees(load(kws), offsets(kws.read_bytes()))


# ---- In place, by hand ----


def _relu(build: Builder, x: Tensor, code: str = "RELU") -> Tensor:
    return build.op(code, [x], x.shape, x.type)


def test_a_chain_of_activations_takes_one_buffer() -> None:
    build = Builder()
    x = build.input((100,), Type.FLOAT32)
    y = _relu(build, _relu(build, _relu(build, x)))
    made = memory.plan_model(build.model(y))
    assert [b.owner for b in made.buffers] == [None, 0, 0, 0]
    assert [b.offset for b in made.buffers] == [0, 0, 0, 0]
    assert made.size == made.lower_bound == 400


def test_an_input_that_is_read_again_is_left_alone() -> None:
    """y = relu(x) + x: the sum takes over x, the activation may not."""
    build = Builder()
    x = build.input((4,), Type.FLOAT32)
    a = _relu(build, x)
    y = build.op("ADD", [a, x], (4,), Type.FLOAT32)
    made = memory.plan_model(build.model(y))
    assert [b.owner for b in made.buffers] == [None, None, 1]
    assert made.size == 32


def test_an_output_is_left_alone() -> None:
    build = Builder()
    x = build.input((4,), Type.FLOAT32)
    a = _relu(build, x)
    made = memory.plan_model(build.model(a, _relu(build, a)))
    assert [b.owner for b in made.buffers] == [None, 0, None]


def test_size_and_type_must_fit() -> None:
    build = Builder()
    x = build.input((2, 1), Type.FLOAT32)
    wide = build.input((2, 3), Type.FLOAT32)
    a = build.op("ADD", [x, wide], (2, 3), Type.FLOAT32)
    b = build.op("CAST", [a], (2, 3), Type.INT32)
    made = memory.plan_model(build.model(b))
    assert [b.owner for b in made.buffers] == [None, None, 1, None]


def test_a_convolution_does_not_work_in_place() -> None:
    assert not kernels.rows()["CONV_2D"].in_place
    assert all(kernels.rows()[code].in_place for code in ("ADD", "RESHAPE", "SOFTMAX", "RELU"))


def test_sharing_saves_memory() -> None:
    """Not in each graph: a first fit may come out worse with fewer buffers, by a few per cent."""
    shared = alone = 0
    for number in range(GRAPHS):
        model = load(cases.make(5, number, [cases.GRAPH]).data)
        made = memory.plan_model(model)
        own = [replace(buffer, owner=None) for buffer in made.buffers]
        shared += made.size
        alone += memory.plan(own, made.op_count).size
    assert shared < 0.97 * alone


def test_results_in_place_are_those_with_all_tensors_kept(runner: HostRunner) -> None:
    compared = 0
    for number in range(40):
        case = cases.make(9, number, [cases.GRAPH])
        kept = runner.run(case.data, case.inputs, preserve_tensors=True)
        if not kept.ok:  # a graph that TFLM refuses, too: tests/fuzz holds us to that
            continue
        assert _outputs(runner.run(case.data, case.inputs)) == _outputs(kept), case.label
        compared += 1
    assert compared > 30


def _outputs(reply: Reply) -> bytes:
    assert reply.ok, reply.reason
    return reply.outputs


# ---- A plan that the model carries for TFLM ----


def _with_plan(*words: int) -> Model:
    """x -> relu -> a -> relu -> y, each of 32 bytes."""
    build = Builder()
    x = build.input((8,), Type.FLOAT32)
    model = build.model(_relu(build, _relu(build, x)))
    model.metadata[memory.OFFLINE_PLAN] = np.array(words, np.int32).tobytes()
    return model


def test_an_offline_plan_is_followed(
    runner: HostRunner, offsets: Callable[[bytes], list[int]]
) -> None:
    """y at 100 may not be computed in place; what is left to us (a) goes around it."""
    data = dump(_with_plan(1, 1, 3, 64, -1, 100))
    assert offsets(data) == [64, 64, 100]
    assert _agrees(load(data), offsets(data))
    numbers = np.arange(-4, 4, dtype=np.float32)
    assert _outputs(runner.run(data, [[numbers]])) == np.maximum(numbers, 0).tobytes()


def test_tensors_of_an_offline_plan_may_overlap(offsets: Callable[[bytes], list[int]]) -> None:
    data = dump(_with_plan(1, 1, 3, 0, 0, 0))
    assert offsets(data) == [0, 0, 0]
    assert memory.plan_model(load(data)).size == 32


@pytest.mark.parametrize("words", [(1, 1, 2, 0, 0), (1,), (1, 1, 9, 0, 0), (1, 1, 3, 2, 0, 0)])
def test_a_damaged_offline_plan(runner: HostRunner, words: tuple[int, ...]) -> None:
    data = dump(_with_plan(*words))
    assert runner.run(data).reason == "damaged model: offline memory plan"
    with pytest.raises(ModelFileError, match="memory plan"):
        memory.plan_model(load(data))
