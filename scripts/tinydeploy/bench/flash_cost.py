"""What the base of a firmware and each operator cost in flash and RAM: built, linked and measured.

The base is everything but kernels and model: start-up, board, link over the UART, application,
runtime. The USB serial port that a board may have beside its UART is a line of its own. An
operator's cost is what the image grows by when it alone is registered; several that share code cost
less together, as the last line shows.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tinydeploy import boards, kernels, whole
from tinydeploy.boards import Board
from tinydeploy.config import BUILD_DIR
from tinydeploy.errors import UsageError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type, per_tensor
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.types import SUPPORTED
from tinydeploy.stages import build as build_stage
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.compile import Program, compile_model, header_text
from tinydeploy.stages.compile_plan import compile_plan
from tinydeploy.stages.image import Sizes
from tinydeploy.stages.variants import sizes_of_variants
from tinydeploy.ui import Ui

GOAL_FLASH_BYTES, GOAL_RAM_BYTES = 16 << 10, 4 << 10  # of the base
ARENA_BYTES = 1024
BASE, COMPILED_BASE, ALL = "base", "base, compiled engine", "all of these together"
USB = "USB serial port"
_BASES = {
    BASE: "interpreter engine",
    COMPILED_BASE: "compiled engine",
    USB: "USB serial port, more",
}


@dataclass(frozen=True)
class Cost:
    """Bytes of flash without the model, and of static RAM without arena and stack."""

    name: str
    board: str
    toolchain: str
    flash_bytes: int
    ram_bytes: int


def run(
    board_ids: Sequence[str] | None,
    names: Sequence[str],
    toolchain: str,
    *,
    json_file: Path | None,
    markdown_file: Path | None,
    ui: Ui,
) -> list[Cost]:
    """Measure the bases of all boards, each operator on the first one, and print the table.

    Raises:
        UsageError: there is no such operator or board.
    """
    wanted = _known(names)
    chosen = [boards.load(name) for name in board_ids or boards.of_each_chip()]
    costs = []
    for board in chosen:
        with ui.stage("bench") as stage:
            stage.detail = f"base on {board.id}"
            costs += [base(board, toolchain), compiled_base(board, toolchain)]
            if board.has_usb:
                costs.append(usb(board, costs[-1], toolchain))
    with ui.stage("bench") as stage:
        stage.detail = f"{len(wanted)} operators, each alone and all together"
        costs += operators(wanted, chosen[0], costs[0], toolchain)
    print(to_text(costs))
    if json_file:
        whole.write_named(json_file, to_json(costs))
    if markdown_file:
        version = build_stage.toolchain_version(toolchain, chosen[0])
        whole.write_named(markdown_file, to_markdown(costs, version))
    return costs


def base(board: Board, toolchain: str = "zig") -> Cost:
    """The interpreter's firmware with no operator registered."""
    return _built(BASE, [], board, toolchain)


def compiled_base(board: Board, toolchain: str = "zig") -> Cost:
    """The compiled engine's firmware with a plan that copies four bytes."""
    return _measured(COMPILED_BASE, _plan(board, toolchain, "compiled"), board, toolchain)


def usb(board: Board, below: Cost, toolchain: str = "zig") -> Cost:
    """What the USB serial port, which images have unless told otherwise, adds to `below`."""
    folder = _plan(board, toolchain, "compiled-usb")
    return _difference(_measured(USB, folder, board, toolchain, link="both"), below)


def operators(
    names: Sequence[str], board: Board, below: Cost, toolchain: str = "zig"
) -> list[Cost]:
    """What registering each of `names` (of ops/declared) alone, then all, adds to `below`."""
    program = _program(_folder(board, toolchain, BASE), board, [])
    methods = {name: [kernels.rows()[name].method] for name in names}
    methods[ALL] = sorted({method for each in methods.values() for method in each})
    folder = _folder(board, toolchain, "operators")
    shutil.rmtree(folder, ignore_errors=True)
    for number, each in enumerate(methods.values()):
        (folder / str(number)).mkdir(parents=True)
        whole.write_if_changed(folder / str(number) / "model.h", header_text(program, each))
    link = _link(board, "uart")
    options = BuildOptions("interpreter", toolchain=toolchain, link=link)
    found = sizes_of_variants(program.folder, board, folder, options)
    return [
        _difference(_cost(name, board, toolchain, found[str(number)]), below)
        for number, name in enumerate(methods)
    ]


def to_text(costs: Sequence[Cost]) -> str:
    """For a terminal."""
    lines = [f"{'':<38}{'board':<15}{'flash':>8}{'RAM':>8}"]
    for cost in costs:
        figures = f"{cost.flash_bytes:>8,}{cost.ram_bytes:>8,}"
        lines.append(f"{cost.name:<38}{cost.board:<15}{figures}")
    return "\n".join(lines)


def to_json(costs: Sequence[Cost]) -> str:
    """A list of objects."""
    return json.dumps([asdict(cost) for cost in costs], indent=1) + "\n"


def to_markdown(costs: Sequence[Cost], version: str) -> str:
    """A document."""
    bases = [cost for cost in costs if cost.name in _BASES]
    others = costs[len(bases) :]
    return "\n".join([*_bases(bases, version), *_operators(others)]) + "\n"


def _bases(costs: Sequence[Cost], version: str) -> list[str]:
    return [
        "# What the firmware costs in flash",
        "",
        "Written by `tinydeploy bench flash-cost --markdown-file docs/flash_cost.md` with "
        f"{version}:",
        "whole images, linked, in bytes, without the model.",
        "",
        "The base is start-up, board, link over the UART, application and engine, without a "
        "kernel: the compiled engine",
        "with a plan that copies four bytes. RAM is without arena and stack. Goal: at most "
        f"{GOAL_FLASH_BYTES:,} bytes of flash",
        f"and {GOAL_RAM_BYTES:,} of RAM.",
        "",
        "| base | board | flash | RAM |",
        "|---|---|---:|---:|",
        *(
            f"| {_BASES[cost.name]} | {cost.board} | {cost.flash_bytes:,} | {cost.ram_bytes:,} |"
            for cost in costs
        ),
    ]


def _operators(costs: Sequence[Cost]) -> list[str]:
    return [
        "",
        f"What the image of the interpreter engine for {costs[0].board} grows by when one operator "
        "alone is registered,",
        "for all its types (`--ops` chooses; all of them by default). Operators share code: "
        "together they cost less.",
        "",
        "| operator | flash |",
        "|---|---:|",
        *(f"| {cost.name} | {cost.flash_bytes:,} |" for cost in costs),
    ]


def _known(names: Sequence[str]) -> list[str]:
    unknown = sorted(set(names) - set(SUPPORTED))
    if unknown:
        raise UsageError(f"no operator {unknown[0]}", "`tinydeploy ops` lists them")
    return sorted(names or SUPPORTED, key=str.upper)


def _difference(whole: Cost, below: Cost) -> Cost:
    flash, ram = whole.flash_bytes - below.flash_bytes, whole.ram_bytes - below.ram_bytes
    return Cost(whole.name, whole.board, whole.toolchain, flash, ram)


def _built(name: str, methods: Sequence[str], board: Board, toolchain: str) -> Cost:
    """An image whose resolver has `methods`, and one small model that nothing of it is made for."""
    folder = _folder(board, toolchain, name)
    _program(folder, board, methods)
    return _measured(name, folder, board, toolchain)


def _program(folder: Path, board: Board, methods: Sequence[str]) -> Program:
    program = compile_model(
        _model(folder), board, folder / "program", name="nothing", arena_bytes=ARENA_BYTES
    )
    whole.write_if_changed(program.header, header_text(program, methods))
    return program


def _measured(name: str, folder: Path, board: Board, toolchain: str, *, link: str = "uart") -> Cost:
    options = BuildOptions(toolchain=toolchain, link=_link(board, link))
    image = build_stage.build(folder / "program", board, options, out_dir=folder)
    return _cost(name, board, toolchain, image.sizes)


def _link(board: Board, link: str) -> str:
    return link if board.has_usb else ""


def _cost(name: str, board: Board, toolchain: str, sizes: Sizes) -> Cost:
    flash = sizes.flash_bytes - sizes.model_bytes
    return Cost(name, board.id, toolchain, flash, sizes.ram_bytes)


def _plan(board: Board, toolchain: str, name: str) -> Path:
    """A program for the compiled engine that copies four bytes."""
    folder = _folder(board, toolchain, name)
    compile_plan(_model(folder), folder / "program", name="nothing")
    return folder


def _folder(board: Board, toolchain: str, name: str) -> Path:
    return BUILD_DIR / "flash-cost" / f"{board.id}-{toolchain}" / name.replace(" ", "_")


def _model(folder: Path) -> Path:
    """The smallest model that both engines take."""
    build = Builder()
    x = build.input((4,), Type.INT8, per_tensor(1.0, 0))
    y = build.op("RESHAPE", [x], (2, 2), Type.INT8, per_tensor(1.0, 0), new_shape=[2, 2])
    path = folder / "nothing.tflite"
    whole.write(path, dump(build.model(y)))
    return path
