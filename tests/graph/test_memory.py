"""The arena planner: by hand, its invariants, and against the device's own planner."""

from __future__ import annotations

import ctypes
import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tinydeploy.config import FIRMWARE_DIR
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type
from tinydeploy.graph.read_tflite import load
from tinydeploy.memory import ArenaBuffer, lifetimes, plan, plan_subgraph


def _offsets(*buffers: tuple[int, int, int]) -> list[int]:
    made = [ArenaBuffer(str(i), *buffer) for i, buffer in enumerate(buffers)]
    return [buffer.offset for buffer in plan(made, 8).buffers]


def test_a_chain_alternates() -> None:
    """100 -> 100 -> 100 bytes: each takes 112, the third goes where the first was."""
    assert _offsets((100, 0, 1), (100, 1, 2), (100, 2, 3)) == [0, 112, 0]


def test_largest_first_and_first_fit() -> None:
    """The 64 goes to 0; the 32 behind it; the 16, which meets only the 32, to 0."""
    assert _offsets((32, 0, 2), (64, 0, 0), (16, 1, 2)) == [64, 0, 0]


def test_equal_sizes_in_tensor_order() -> None:
    assert _offsets((16, 0, 1), (16, 0, 1), (16, 0, 1)) == [0, 16, 32]


def test_a_gap_is_used() -> None:
    """48 at 0, 32 behind the 48 at 48; 16 lives with 32 only: below it."""
    assert _offsets((48, 0, 1), (32, 1, 3), (16, 2, 3)) == [0, 48, 0]


def test_lower_bound_and_size() -> None:
    made = plan(
        [ArenaBuffer("a", 100, 0, 1), ArenaBuffer("b", 50, 1, 2), ArenaBuffer("c", 10, 2, 2)], 3
    )
    assert made.live_bytes() == [112, 112 + 64, 64 + 16]
    assert made.lower_bound == 176
    assert made.size == 176


def test_lifetimes() -> None:
    """x -> a -> b, and x again in the last op; the unused output of an op lives while it runs."""
    build = Builder()
    x = build.input((4,), Type.FLOAT32)
    spare = build.input((4,), Type.FLOAT32)
    a = build.op("RELU", [x], (4,), Type.FLOAT32)
    unused = build.op("RELU6", [a], (4,), Type.FLOAT32)
    b = build.op("ADD", [a, x], (4,), Type.FLOAT32)
    model = build.model(a, b)
    assert lifetimes(model.main) == {x: (0, 2), spare: (0, 0), a: (0, 2), unused: (1, 1), b: (2, 2)}


def test_constants_and_variables_take_no_arena(dense_bytes: bytes) -> None:
    made = plan_subgraph(load(dense_bytes).main)
    assert [(b.size, b.offset) for b in made.buffers] == [(2, 0), (2, 16)]


def test_kws_needs_16000_bytes(kws: Path) -> None:
    made = plan_subgraph(load(kws).main)
    assert made.size == made.lower_bound == 16_000


def _random_buffers(seed: int) -> list[ArenaBuffer]:
    rng = random.Random(seed)
    buffers = []
    for index in range(rng.randrange(1, 30)):
        first = rng.randrange(20)
        size = rng.choice((1, 16, 17, 64, 100, rng.randrange(1, 5000)))
        buffers.append(ArenaBuffer(str(index), size, first, min(19, first + rng.randrange(6))))
    return buffers


@pytest.mark.parametrize("seed", range(50))
def test_nothing_overlaps(seed: int) -> None:
    made = plan(_random_buffers(seed), 20)
    for i, one in enumerate(made.buffers):
        assert one.offset % 16 == 0
        for other in made.buffers[:i]:
            if one.first_op <= other.last_op and other.first_op <= one.last_op:
                assert one.offset >= other.end or other.offset >= one.end
    assert made.lower_bound <= made.size


class _DeviceBuffer(ctypes.Structure):
    _fields_ = (
        ("bytes", ctypes.c_uint32),
        ("offset", ctypes.c_uint32),
        ("first", ctypes.c_int16),
        ("last", ctypes.c_int16),
    )


@pytest.fixture(scope="module")
def device_plan(
    tmp_path_factory: pytest.TempPathFactory,
) -> Callable[[list[ArenaBuffer]], list[int]]:
    """PlanBuffers of firmware/runtime/planner.cpp, compiled for this PC."""
    source = FIRMWARE_DIR / "runtime/planner.cpp"
    if not source.is_file():
        pytest.skip("no device planner here")
    folder = tmp_path_factory.mktemp("planner")
    library = folder / "planner.so"
    door = folder / "door.cpp"
    door.write_text(
        '#include "runtime/planner.h"\n'
        'extern "C" uint32_t Plan(tinydeploy::Buffer* buffers, int count) {\n'
        "  return tinydeploy::PlanBuffers(buffers, count);\n}\n"
    )
    command = [sys.executable, "-m", "ziglang", "cc", "-shared", "-fPIC", "-O1", "-std=c++17"]
    files = [str(door), str(source), f"-I{FIRMWARE_DIR}", "-o", str(library)]
    subprocess.run([*command, *files], check=True)
    entry = ctypes.CDLL(str(library)).Plan

    def run(buffers: list[ArenaBuffer]) -> list[int]:
        array = (_DeviceBuffer * len(buffers))(
            *(_DeviceBuffer(b.size, 0xFFFFFFFF, b.first_op, b.last_op) for b in buffers)
        )
        entry(array, len(buffers))
        return [item.offset for item in array]

    return run


def test_device_plans_the_same(device_plan: Callable[[list[ArenaBuffer]], list[int]]) -> None:
    for seed in range(300):
        buffers = _random_buffers(seed)
        assert device_plan(buffers) == [buffer.offset for buffer in plan(buffers, 20).buffers]
