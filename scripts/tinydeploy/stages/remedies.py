"""What would help where a model does not fit a board: what can be had here, with its figures."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from tinydeploy import arena, boards
from tinydeploy.boards import Board
from tinydeploy.errors import ModelTooLargeError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Model
from tinydeploy.lower.compile_options import AUTO, OFF, Choices
from tinydeploy.lower.plan import cost as compiled_cost
from tinydeploy.ops import cost
from tinydeploy.stages.plan_only import STACK_AND_STATICS_BYTES, plan_only

FLASH, RAM = "flash", "RAM"
_SMALLER = "take smaller layers or inputs; `tinydeploy inspect` shows the largest"


@dataclass(frozen=True)
class Way:
    """An option and what the image takes with it, estimated, bytes."""

    option: str
    flash_bytes: int
    ram_bytes: int

    def fits(self, board: Board) -> bool:
        """Whether that is room enough on `board`."""
        return self.flash_bytes <= board.flash_size and self.ram_bytes <= board.ram_size


@contextmanager
def offered(tflite: Path, board: Board, engine: str, choices: Choices) -> Iterator[None]:
    """Give a ModelTooLargeError from within the hint that fits this model and board."""
    try:
        yield
    except ModelTooLargeError as error:
        error.hint = hint(tflite, board, engine, choices, error.memory or FLASH)
        raise


def hint(tflite: Path, board: Board, engine: str, choices: Choices, memory: str) -> str:
    """What helps, best first; what to change in the model where nothing here does.

    Args:
        engine, choices: what was tried.
        memory: FLASH or RAM, where there was not enough.
    """
    model = read_tflite.load(tflite)
    helping = [way for way in ways(tflite, model, board, engine, choices) if way.fits(board)]
    words = [f"{way.option} would need about {_bytes(way, memory):,} bytes" for way in helping]
    if _is_float(model):
        words.append("convert it to int8 (`tinydeploy convert`), which takes a quarter")
    words += _other_boards(tflite, model, board, engine, choices, memory)
    return "; ".join([*words, *([] if helping else [_SMALLER])])


def ways(tflite: Path, model: Model, board: Board, engine: str, choices: Choices) -> Iterator[Way]:
    """What else could be tried with this model on this board."""
    room = board.ram_size - STACK_AND_STATICS_BYTES
    was = plan_only(tflite, choices) if engine != "interpreter" else None
    if was is not None:
        if choices.patch == OFF:
            yield from _compiled("--patch auto", tflite, replace(choices, patch=AUTO), room)
        if choices.optimize != "size":
            yield from _compiled("--optimize size", tflite, replace(choices, optimize="size"), room)
        yield _interpreted(model)
    elif engine == "interpreter":
        yield from _compiled("--engine compiled", tflite, choices, room)
        yield from _compiled(
            "--engine compiled --patch auto", tflite, replace(choices, patch=AUTO), room
        )


def _compiled(option: str, tflite: Path, choices: Choices, ram_bytes: int) -> Iterator[Way]:
    plan = plan_only(tflite, choices, ram_bytes)
    if plan is not None:
        ram = plan.arena_bytes + STACK_AND_STATICS_BYTES
        yield Way(f"`{option}`", compiled_cost.flash_bytes(plan), ram)


def _interpreted(model: Model) -> Way:
    ram = arena.needs(model).total_bytes + STACK_AND_STATICS_BYTES
    return Way("`--engine interpreter`", cost.flash_bytes(model), ram)


def _is_float(model: Model) -> bool:
    weights = {t for op in model.ops for t in op.operands if t.is_constant}
    return any(t.type.is_float for t in weights) and any(
        t.type.is_float for op in model.ops for t in op.outputs
    )


def _other_boards(
    tflite: Path, model: Model, board: Board, engine: str, choices: Choices, memory: str
) -> Iterator[str]:
    plan = plan_only(tflite, choices) if engine != "interpreter" else None
    if plan is None:
        needed = _interpreted(model)
    else:
        ram = plan.arena_bytes + STACK_AND_STATICS_BYTES
        needed = Way("", compiled_cost.flash_bytes(plan), ram)
    for other in map(boards.load, boards.names()):
        if other.id != board.id and not other.is_host and needed.fits(other):
            size = other.flash_size if memory == FLASH else other.ram_size
            yield f"`--board {other.id}` has {size:,} bytes of {memory}"


def _bytes(way: Way, memory: str) -> int:
    return way.flash_bytes if memory == FLASH else way.ram_bytes
