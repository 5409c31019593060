"""Rewrites that leave every output of the model exactly as it was, to the last bit.

A pass is a module with `run(model, evaluate) -> int`: it changes the model in place and tells how
many rewrites it made. Passes don't know of each other. Nothing is computed here that TFLM computes:
where a pass needs a number, `evaluate` asks TFLM itself.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy.typing as npt

from tinydeploy.graph.ir import Model
from tinydeploy.graph.verify import verify
from tinydeploy.passes import activations, constants, dead_channels, identities, pads, reshapes

Array = npt.NDArray[Any]
# Outputs that TFLM computes for a .tflite and its inputs; None if it refuses the model.
Evaluate = Callable[[bytes, Sequence[Array]], "list[Array] | None"]

MOST_ROUNDS = 100  # networks take two or three; a file made for it, as many as it has operators
PASSES: tuple[tuple[str, Callable[[Model, Evaluate], int]], ...] = (
    ("fold constants", constants.run),
    ("remove identities", identities.run),
    ("remove reshapes", reshapes.run),
    ("fold pads", pads.run),
    ("fuse activations", activations.run),
    ("remove dead channels", dead_channels.run),
)


def optimise(model: Model, evaluate: Evaluate) -> dict[str, int]:
    """Run all passes over `model` until none finds anything, or for long enough; rewrites made by
    each."""
    made = {name: 0 for name, _ in PASSES}
    model.signatures = []  # they name tensors that may go
    for _ in range(MOST_ROUNDS):
        before = sum(made.values())
        for name, run in PASSES:
            made[name] += run(model, evaluate)
            verify(model)
        if sum(made.values()) == before:
            break
    return made
