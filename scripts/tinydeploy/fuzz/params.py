"""What the kernels' own Prepare takes for params, for ops/params.json.

Asked on the simulated core with a random model of each combination of types.
"""

from __future__ import annotations

import json
import zlib

import numpy as np

from tinydeploy import whole
from tinydeploy.errors import SetupError
from tinydeploy.fuzz import cases
from tinydeploy.fuzz.draw import concretely
from tinydeploy.graph.ir import Model
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.emit import aot_prepare
from tinydeploy.ops import persistent
from tinydeploy.ops.declared import OPERATORS
from tinydeploy.ops.operator import ANY
from tinydeploy.ops.persistent import Sizes

_ALIGNMENT_BYTES = 4
_TRIES = 8  # a draw may be none that Prepare takes


def sizes() -> Sizes:
    """Bytes of the params struct by operator and types, without what trails it.

    Raises:
        SetupError: a declared combination of types that Prepare does not take.
    """
    return {
        code: _of_types({each: _size(code, each) for each in sorted(operator.combinations)})
        for code, operator in sorted(OPERATORS.items())
    }


def is_current() -> bool:
    """Whether the file has what Prepare takes now."""
    return persistent.sizes() == sizes()


def save(found: Sizes) -> None:
    """Replace the file; a line an operator."""
    lines = [f" {json.dumps(code)}: {json.dumps(each)}" for code, each in found.items()]
    whole.write(persistent.PARAMS, "{\n" + ",\n".join(lines) + "\n}\n")
    persistent.sizes.cache_clear()


def _of_types(each: dict[str, int]) -> dict[str, int]:
    """A single size where all are the same."""
    return {ANY: min(each.values())} if len(set(each.values())) == 1 else each


def _size(code: str, types: str) -> int:
    rng = np.random.default_rng(zlib.crc32(f"{code} {types}".encode()))
    for _ in range(_TRIES):
        model = _drawn(rng, code, concretely(types)[0])
        taken = aot_prepare.params_bytes(dump(model))
        if taken:
            trailing = persistent.trailing_bytes(model.main.ops[-1])
            return (taken - trailing) // _ALIGNMENT_BYTES * _ALIGNMENT_BYTES
    raise SetupError(
        f"Prepare takes no {code} of {types}",
        "look at its types in scripts/tinydeploy/ops/declared, and at its generator",
    )


def _drawn(rng: np.random.Generator, code: str, types: str) -> Model:
    """A model up to the operator; some generators make others besides it."""
    model = cases.model_of(cases.one_op(rng, code, types))
    graph = model.main
    end = 1 + next(index for index, op in enumerate(graph.ops) if op.name == code)
    graph.ops, graph.outputs = graph.ops[:end], list(graph.ops[end - 1].outputs)
    return model
