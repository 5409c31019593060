"""Random models, compiled and run, against TFLM."""

from __future__ import annotations

from typing import Any

import numpy as np
import plan_checker
import plan_machine
import pytest
from lowered import COUNT, COUNT_ON_M4, Case


@pytest.mark.parametrize("index", range(COUNT))
def test_on_this_pc(cases: list[Case], host_plans: Any, index: int) -> None:
    _compare(cases[index], host_plans, index)


@pytest.mark.parametrize("index", range(COUNT_ON_M4))
def test_on_the_simulated_core(cases: list[Case], m4_plans: Any, index: int) -> None:
    _compare(cases[index], m4_plans, index)


@pytest.mark.parametrize("index", range(COUNT))
def test_memory_of_every_plan(cases: list[Case], index: int) -> None:
    plan = cases[index].plan
    plan_checker.check(plan)
    assert plan.lower_bound <= plan.arena_bytes <= 1.25 * plan.lower_bound


def test_every_kernel_is_met(cases: list[Case]) -> None:
    met = {step.function for case in cases for step in case.plan.steps}
    assert met >= {
        "td_add", "td_add_terms", "td_average_pool", "td_conv", "td_conv_general", "td_depthwise",
        "td_depthwise_any", "td_fill", "td_fully_connected", "td_lookup", "td_max_pool", "td_mean",
        "td_move", "td_multiply", "td_pointwise", "td_softmax",
    }  # fmt: skip


def _compare(case: Case, machine: Any, index: int) -> None:
    for inputs, expected in zip(case.inputs, case.expected, strict=True):
        outputs = plan_machine.run(machine, index, case.plan, inputs)
        for position, (ours, theirs) in enumerate(zip(outputs, expected, strict=True)):
            wrong = np.flatnonzero(ours.reshape(-1) != theirs.reshape(-1))
            assert not len(wrong), f"output {position}: {len(wrong)} of {ours.size} bytes wrong"
