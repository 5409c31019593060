"""What the compiled engine would run, without a build."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from tinydeploy import passes
from tinydeploy.graph import read_tflite
from tinydeploy.lower.build_plan import assemble, most_arena
from tinydeploy.lower.compile_options import Choices
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.lower.rules.table import RULES_WITHOUT_BUILDING
from tinydeploy.stages.compile_plan import evaluate

STACK_AND_STATICS_BYTES = 8_192  # RAM beside the arena: stack, link buffers, static data


def plan_only(
    tflite: Path,
    choices: Choices = Choices(),  # noqa: B008 - frozen
    ram_bytes: int | None = None,
) -> Plan | None:
    """The plan with its memory; None: the compiled engine does not take the model.

    Args:
        ram_bytes: room for the arena, for `choices.patch` = "auto".
    """
    return _plan(read_tflite.read_bytes(tflite), tflite.name, choices, ram_bytes)


@lru_cache(maxsize=4)  # the search for a remedy asks for the same plans again
def _plan(data: bytes, name: str, choices: Choices, ram_bytes: int | None) -> Plan | None:
    model = read_tflite.load(data, name)
    most = most_arena(model)
    passes.optimise(model, evaluate)
    try:
        return assemble(model, evaluate, RULES_WITHOUT_BUILDING, choices, ram_bytes, most)
    except NotCompilableError:
        return None
