"""Compact bodies equal the unrolled ones, and are taken where they cost little."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from tinydeploy.kernel_lab.cases import Layer
from tinydeploy.kernel_lab.harness import CortexM4, Host
from tinydeploy.kernel_lab.layers import Dense, Pointwise
from tinydeploy.lower.packing import elementwise
from tinydeploy.lower.plan.ir import Step
from tinydeploy.lower.tuning import microkernel_variant

LAYERS = [
    Pointwise(3, 3, 5, 7),
    Pointwise(7, 12, 10, -128),
    Pointwise(1, 64, 12, 5),
    Dense(10, 13, 3),
    Dense(66, 20),
    Dense(640, 16, 1, -3),
]


@pytest.mark.parametrize("layer", LAYERS, ids=lambda layer: layer.label)
def test_kernel(layer: Layer, machine: Host | CortexM4, rng: np.random.Generator) -> None:
    case = layer.case(rng)
    body = case.extra[0]
    assert body in microkernel_variant.BODIES
    replace(case, extra=(body + microkernel_variant.COMPACT,)).check(machine)


def _step(body: str, macs: int) -> Step:
    return Step("", "CONV_2D", "", "td_pointwise", [1, body], [], [], macs=macs)


@pytest.mark.parametrize(
    ("goal", "compact"), [("speed", ()), ("balanced", (1,)), ("size", (0, 1)), ("rule", ())]
)
def test_choice(goal: str, compact: Any) -> None:
    steps = [_step("td_dot_pairs_positive", 1_000_000), _step("td_dot_pairs_signed", 900)]
    microkernel_variant.choose(steps, goal)
    taken = [str(step.arguments[1]).endswith(microkernel_variant.COMPACT) for step in steps]
    assert taken == [index in compact for index in range(2)]


def test_body_of_many_steps_stays_unrolled() -> None:
    steps = [_step("td_dot_pairs_signed", 900), _step("td_dot_pairs_signed", 100_000)]
    microkernel_variant.choose(steps, "balanced")
    assert [step.arguments[1] for step in steps] == ["td_dot_pairs_signed"] * 2


@pytest.mark.parametrize(("scale", "entries"), [(0.17, 256), (2.0, 16), (0.01, 256)])
def test_softmax_table_ends_with_the_first_zero(scale: float, entries: int) -> None:
    table = np.frombuffer(elementwise.softmax_table(1.0, scale), "<i4")
    assert len(table) <= entries
    assert (table[:-1] > 0).all()
    assert table[-1] == 0 or len(table) == 256
