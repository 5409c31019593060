"""Random graphs, lowered: what tests of the compiled engine start from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from random_graphs import RandomGraph
from tinydeploy import passes
from tinydeploy.graph import read_tflite
from tinydeploy.graph.write_tflite import dump
from tinydeploy.judge import Judge
from tinydeploy.lower.lowering import lower
from tinydeploy.lower.memory.planner import place
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.lower.rules.table import RULES
from tinydeploy.stages.compile_plan import evaluate

COUNT = 30
COUNT_ON_M4 = 8


@dataclass
class Case:
    """A random model: its plan, and what TFLM answers to its inputs."""

    seed: int
    data: bytes
    plan: Plan
    inputs: list[list[Any]]
    expected: list[list[Any]]


def plan_of(data: bytes) -> Plan:
    """As stages.compile_plan does it."""
    model = read_tflite.load(data)
    passes.optimise(model, evaluate)
    plan = lower(model, evaluate, RULES)
    place(plan)
    return plan


def make_case(seed: int) -> Case:
    rng = np.random.default_rng(1000 + seed)
    model = RandomGraph(seed).grow(int(rng.integers(10, 31)))
    data = dump(model)
    shapes = [tensor.shape for tensor in model.main.inputs]
    inputs = [[rng.integers(-128, 128, s).astype(np.int8) for s in shapes] for _ in range(2)]
    judge = Judge(data)
    return Case(seed, data, plan_of(data), inputs, [judge.run(given) for given in inputs])
