"""Damaged models never crash the runtime: it refuses them with a reason, or computes something."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import test_kernels_conv as conv
from one_op import Tensor, one_op
from runner import Runner
from tinydeploy.config import MODELS_DIR
from tinydeploy.fuzz import cases
from tinydeploy.fuzz.draw import concretely
from tinydeploy.fuzz.families import GENERATORS
from tinydeploy.graph.write_tflite import dump

MUTANTS = int(os.environ.get("TINYDEPLOY_MUTANTS", "2000"))
ARENA_BYTES = 1 << 20

Rng = np.random.Generator


def _one_op_models() -> Iterator[bytes]:
    """A model of every operator in every combination of types."""
    rng = np.random.default_rng(1)
    for code in sorted(GENERATORS):
        for types in cases.combinations(code):
            draw = cases.one_op(rng, code, concretely(types)[0])
            yield dump(cases.model_of(draw))


def _mutate(rng: Rng, model: bytes) -> bytes:
    """Flip a few bits, bytes or words, often near the front where the tables are, or cut it."""
    damaged = bytearray(model)
    reach = len(damaged) if rng.random() < 0.5 else min(len(damaged), 600)
    for _ in range(int(rng.integers(1, 5))):
        kind, at = rng.integers(4), int(rng.integers(reach))
        if kind == 0:
            damaged[at] ^= 1 << int(rng.integers(8))
        elif kind == 1:
            damaged[at] = int(rng.choice([0, 1, 127, 128, 255]))
        elif kind == 2:
            word = int(rng.choice([0, 1, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF, 0x10000]))
            damaged[at // 4 * 4 : at // 4 * 4 + 4] = word.to_bytes(4, "little")
        else:
            damaged[at] = int(rng.integers(256))
    end = int(rng.integers(len(damaged))) if rng.random() < 0.05 else len(damaged)
    return bytes(damaged[:end])


def test_mutated_models_do_not_crash(sanitized: Runner, tmp_path: Path) -> None:
    originals = [
        *_one_op_models(),
        *(p.read_bytes() for p in sorted(MODELS_DIR.glob("*/*.tflite"))),
    ]
    originals = [model for model in originals if len(model) < 20_000]
    accepted = 0
    for seed in range(MUTANTS):
        rng = np.random.default_rng(seed)
        mutant = _mutate(rng, originals[seed % len(originals)])
        (tmp_path / "last.tflite").write_bytes(mutant)
        reply = sanitized.run(mutant, [[]], arena_bytes=ARENA_BYTES)
        assert reply.ok or reply.reason, f"seed {seed}"
        accepted += reply.ok
    assert 0 < accepted < MUTANTS  # both paths were walked


def test_every_cut_of_a_model_is_refused(sanitized: Runner) -> None:
    model = conv._fully_connected(np.random.default_rng(3), "int8").model()
    for end in range(0, len(model) - 1, 3):
        reply = sanitized.run(model[:end], [[]], arena_bytes=ARENA_BYTES)
        assert reply.ok or reply.reason


OVERFLOWING = [(1 << 30, 1 << 30), (1 << 16, 1 << 16), (-1, 4), ((1 << 31) - 1, 2)]


@pytest.mark.parametrize("dims", OVERFLOWING)
def test_overflowing_shapes_are_refused(dims: tuple[int, ...], sanitized: Runner) -> None:
    tensor = Tensor(tuple(np.array(dims, np.int64).astype(np.int32).tolist()), "float32")
    reply = sanitized.run(one_op("RELU", [tensor], [tensor]), arena_bytes=ARENA_BYTES)
    assert not reply.ok
    assert "impossible shape" in reply.reason or "too small" in reply.reason
