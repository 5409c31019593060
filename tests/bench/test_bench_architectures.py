"""The models of the bench are what they stand for: multiply-accumulates, zeros, activations."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinydeploy import passes
from tinydeploy.bench import architectures, peers
from tinydeploy.graph import read_tflite
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.ops import work
from tinydeploy.stages.compile_plan import compile_plan, evaluate

MACS = {
    "vww": peers.VWW,
    "vww_dense": peers.VWW,
    "ic": peers.IC,
    "ad": peers.AD,
    "person_detect": peers.PERSON,
    "ds_cnn_int16": peers.KWS,
    "wake_word": 5 * 40 * 64 + (5 + 9 + 13 + 21) * 64 + 4 * 64 * 64 + 64,
}
ARENA_LIMITS = {
    "vww": 56_000,
    "vww_dense": 56_000,
    "ic": 40_000,
    "ad": 1_500,
    "person_detect": 56_000,
    "ds_cnn_int16": 33_000,
    "wake_word": 4_400,
}


@pytest.mark.parametrize("name", architectures.BUILDERS)
def test_work(name: str) -> None:
    assert work.macs(architectures.BUILDERS[name]()) == MACS[name]


@pytest.mark.parametrize("name", architectures.BUILDERS)
def test_outputs_depend_on_the_input(name: str) -> None:
    model = architectures.BUILDERS[name]()
    judge, source = Judge(dump(model)), model.main.inputs[0]
    kind, rng = source.type.dtype, np.random.default_rng(0)
    low, high = np.iinfo(kind).min, np.iinfo(kind).max + 1
    seen = {
        judge.run([rng.integers(low, high, source.shape).astype(kind)])[0].tobytes()
        for _ in range(8)
    }
    assert len(seen) > 1


def test_dead_channels_are_as_many_as_in_the_published_model() -> None:
    model = read_tflite.load(dump(architectures.vww(dead=True)))
    gone = passes.optimise(model, evaluate)["remove dead channels"]
    assert gone == pytest.approx(1_651, rel=0.1)
    assert work.macs(model) == pytest.approx(3_790_000, rel=0.03)


@pytest.mark.parametrize("name", architectures.BUILDERS)
def test_arena(name: str, tmp_path: Path) -> None:
    program = compile_plan(architectures.write(name, tmp_path), tmp_path / name, name=name)
    assert program.arena_bytes <= ARENA_LIMITS[name]
