"""What the base of a firmware and each operator cost in flash and RAM: built, linked and measured.

The base is everything but kernels and model: start-up, board, link, application, runtime. An
operator's cost is what the image grows by when it alone is registered; several that share code cost
less together, as the last line shows.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tinydeploy.boards import Board
from tinydeploy.config import BUILD_DIR
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.resolver import method
from tinydeploy.ops.types import SUPPORTED
from tinydeploy.stages import build as build_stage
from tinydeploy.stages.compile import compile_model, header_text, write_if_changed
from tinydeploy.stages.compile_plan import compile_plan

GOAL_FLASH_BYTES, GOAL_RAM_BYTES = 16 << 10, 4 << 10  # of the base
ARENA_BYTES = 1024
BASE, COMPILED_BASE, ALL = "base", "base of the compiled engine", "all operators together"


@dataclass(frozen=True)
class Cost:
    """Bytes of flash without the model, and of static RAM without arena and stack."""

    name: str
    flash_bytes: int
    ram_bytes: int


def base(board: Board, toolchain: str = "zig") -> Cost:
    """The interpreter's firmware with no operator registered."""
    return _built(BASE, [], board, toolchain)


def compiled_base(board: Board, toolchain: str = "zig") -> Cost:
    """The compiled engine's firmware with a plan that copies four bytes."""
    folder = _folder(board, toolchain, "compiled")
    compile_plan(_model(folder), folder / "program", name="nothing")
    return _measured(COMPILED_BASE, folder, board, toolchain)


def operator(name: str, board: Board, below: Cost, toolchain: str = "zig") -> Cost:
    """What registering the operator `name` of ops/types.py adds to `below`."""
    whole = _built(name, [_method(name)], board, toolchain)
    flash, ram = whole.flash_bytes - below.flash_bytes, whole.ram_bytes - below.ram_bytes
    return Cost(name, flash, ram)


def table(
    board: Board,
    names: Sequence[str] = (),
    toolchain: str = "zig",
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Cost]:
    """Both bases, each operator (all, unless `names` says which), and all of them together."""
    chosen = sorted(names or SUPPORTED, key=str.upper)
    total = len(chosen) + 3
    costs = [base(board, toolchain), compiled_base(board, toolchain)]
    for name in chosen:
        progress(len(costs), total)
        costs.append(operator(name, board, costs[0], toolchain))
    whole = _built(ALL, sorted({_method(name) for name in chosen}), board, toolchain)
    flash, ram = whole.flash_bytes - costs[0].flash_bytes, whole.ram_bytes - costs[0].ram_bytes
    return [*costs, Cost(ALL, flash, ram)]


def to_text(costs: Sequence[Cost]) -> str:
    """For a terminal."""
    lines = [f"{'':<34}{'flash':>8}{'RAM':>8}"]
    return "\n".join(
        lines + [f"{cost.name:<34}{cost.flash_bytes:>8,}{cost.ram_bytes:>8,}" for cost in costs]
    )


def to_json(costs: Sequence[Cost]) -> str:
    """A list of objects."""
    return json.dumps([asdict(cost) for cost in costs], indent=1)


def to_markdown(costs: Sequence[Cost], board: Board, version: str) -> str:
    """A document."""
    first, compiled, *operators, together = costs
    lines = [
        "# What operators cost in flash",
        "",
        f"Written by `tinydeploy flash-cost --markdown`: images for {board.name} by {version}, "
        "bytes by the linker's account.",
        "",
        "Base: start-up, board, link, application, engine. RAM is without arena and stack.",
        "",
        "| base | flash | RAM |",
        "|---|---|---|",
        f"| interpreter engine, no kernels | {first.flash_bytes:,} | {first.ram_bytes:,} |",
        f"| compiled engine, a plan that copies 4 bytes | {compiled.flash_bytes:,} | "
        f"{compiled.ram_bytes:,} |",
        f"| goal | {GOAL_FLASH_BYTES:,} | {GOAL_RAM_BYTES:,} |",
        "",
        "What the image of the interpreter engine grows by when one operator alone is registered, "
        "for all its types:",
        "",
        "| operator | flash |",
        "|---|---|",
        *(f"| {cost.name} | {cost.flash_bytes:,} |" for cost in operators),
        f"| **{together.name}** | **{together.flash_bytes:,}** |",
    ]
    return "\n".join(lines) + "\n"


def _method(name: str) -> str:
    found = method(name) or method("CUSTOM", name)
    assert found is not None
    return found


def _built(name: str, methods: Sequence[str], board: Board, toolchain: str) -> Cost:
    """An image whose resolver has `methods`, and one small model that nothing of it is made for."""
    folder = _folder(board, toolchain, name)
    program = compile_model(
        _model(folder), board, folder / "program", name="nothing", arena_bytes=ARENA_BYTES
    )
    write_if_changed(program.header, header_text(program, methods))
    return _measured(name, folder, board, toolchain)


def _measured(name: str, folder: Path, board: Board, toolchain: str) -> Cost:
    image = build_stage.build(folder / "program", board, toolchain=toolchain, out_dir=folder)
    sizes = image.sizes
    return Cost(name, sizes.flash_bytes - sizes.model_bytes, sizes.ram_bytes)


def _folder(board: Board, toolchain: str, name: str) -> Path:
    return BUILD_DIR / "flash-cost" / f"{board.id}-{toolchain}" / name.replace(" ", "_")


def _model(folder: Path) -> Path:
    """The smallest model that both engines take."""
    build = Builder()
    x = build.input((4,), Type.INT8, per_tensor(1.0, 0))
    y = build.op("RESHAPE", [x], (2, 2), Type.INT8, per_tensor(1.0, 0), new_shape=[2, 2])
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "nothing.tflite"
    path.write_bytes(dump(build.model(y)))
    return path
