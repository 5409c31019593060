"""A model of more operators than any fixed table holds: its profile and its memory on the board."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tinydeploy import boards, memory, simulate
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type
from tinydeploy.graph.read_tflite import load
from tinydeploy.graph.write_tflite import dump
from tinydeploy.link.client import Device
from tinydeploy.stages.build import build
from tinydeploy.stages.compile import compile_model

OPS = 300


def _chain(folder: Path) -> Path:
    builder = Builder()
    x = builder.input((8,), Type.FLOAT32)
    for _ in range(OPS):
        x = builder.op("NEG", [x], (8,), Type.FLOAT32)
    path = folder / "chain.tflite"
    path.write_bytes(dump(builder.model(x)))
    return path


def test_every_operator_is_profiled_and_the_plan_told(tmp_path: Path) -> None:
    path, board = _chain(tmp_path), boards.load("nano33")
    program = compile_model(path, board, tmp_path / "p", name="chain", arena_bytes=32 << 10)
    image = build(program.folder, board, out_dir=tmp_path)
    device = Device(simulate.open(board, image.elf))
    device.hello()
    numbers = np.arange(8, dtype=np.float32)
    device.load_input(0, numbers.tobytes())
    invocation = device.invoke()
    cycles = device.profile(invocation.ops_run)
    assert len(cycles) == OPS
    assert 0 < min(cycles) <= max(cycles) < 1_000
    assert sum(cycles) < invocation.cycles
    assert device.read(1, 0, numbers.nbytes) == numbers.tobytes()  # negated an even number of times
    used = device.memory()
    assert used["arena_planned_bytes"] == memory.plan_model(load(path)).size == 32
    assert used["arena_used_bytes"] > 32 + OPS * 16
