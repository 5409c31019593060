"""The model as C++: a plan or a model to interpret, with the arena that it needs and no more."""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

from rich.markup import escape

from tinydeploy import judge, locks, segments, targets
from tinydeploy.boards import Board
from tinydeploy.config import BUILD_DIR
from tinydeploy.errors import DeviceFaultError, ModelTooLargeError, UsageError
from tinydeploy.keys import CachedResult, key_of, package_key
from tinydeploy.lower.compile_options import Choices
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.sources import Source
from tinydeploy.stages import build as build_stage
from tinydeploy.stages import program_folder, remedies, trial
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.compile import Program, compile_model
from tinydeploy.stages.compile_plan import compile_plan
from tinydeploy.ui import Ui

RESERVED_RAM_BYTES = 16 << 10  # stack and static data, when the arena is still to be measured
HOST_ARENA_BYTES = 64 << 20


def output_folder(source: Source, board: Board) -> Path:
    """`build/<model>/<board>`."""
    return BUILD_DIR / source.folder / board.id


def held(source: Source, board: Board, ui: Ui) -> AbstractContextManager[None]:
    """Keeps other runs from `output_folder`; says so when it has to wait for one."""
    return locks.held(output_folder(source, board), ui.warn)


def make_program(
    source: Source, board: Board, options: BuildOptions, ui: Ui, out_dir: Path | None = None
) -> Program:
    """The model as C++ in `out_dir`, or in the build folder: a plan, or a model to interpret.

    Raises:
        UnsupportedModelError: TFLM, the judge, does not run the model.
        NotCompilableError: the engine is "compiled" and an operator has no exact kernel there.
    """
    trial.require_accepted(source.data, source.model)
    offered = remedies.offered(source.tflite, board, options.engine, options.choices)
    with held(source, board, ui), offered:
        program = _make_program(source, board, options, ui, out_dir)
        program_folder.put(program.folder, replace(options, engine=program.engine))
        return program


def make_for_any_model(source: Source, board: Board, options: BuildOptions, ui: Ui) -> Program:
    """The model as one to fall back on, in an image with all operators and model slots.

    Raises:
        UsageError: the engine is "compiled", or the board has no room for models.
        UnsupportedModelError: TFLM, the judge, does not run the model.
    """
    if options.engine == "compiled":
        raise UsageError(
            "hot swap needs the interpreter engine: a plan is part of the image",
            "leave --engine out",
        )
    if not board.slot_bytes:
        raise UsageError(f"{board.id} has no room for models", f"slot_bytes in {board.id}.json")
    trial.require_accepted(source.data, source.model)
    folder = output_folder(source, board) / "hot_swap"
    with ui.stage("compile") as stage:
        program = compile_model(
            source.tflite, board, folder, name=source.name, arena_bytes=_largest_arena(board)
        )
        with_key = ", pushed to with the key alone" if options.push_key else ""
        stage.detail = f"all operators, arena {program.arena_bytes:,} bytes for any model{with_key}"
    return program


def _make_program(
    source: Source, board: Board, options: BuildOptions, ui: Ui, out_dir: Path | None
) -> Program:
    folder = output_folder(source, board)
    if options.engine != "interpreter":
        try:
            return _compile_plan(source, board, options.choices, ui, out_dir or folder / "plan")
        except NotCompilableError as error:
            if options.engine == "compiled":
                raise
            ui.say(f"[dim]interpreter engine: {escape(error.message)}[/dim]")
    return _compile_model(source, board, options.toolchain, ui, out_dir or folder / "program")


def _compile_plan(source: Source, board: Board, choices: Choices, ui: Ui, out_dir: Path) -> Program:
    with ui.stage("compile") as stage:
        program = compile_plan(
            source.tflite,
            out_dir,
            name=source.name,
            choices=choices,
            ram_bytes=None if board.is_host else board.ram_size - RESERVED_RAM_BYTES,
        )
        stage.detail = (
            f"{len(program.ops)} operators as {len(program.steps)} steps, {program.macs:,} MACs, "
            f"arena {program.arena_bytes:,} bytes"
        )
    return program


def _compile_model(source: Source, board: Board, toolchain: str, ui: Ui, out_dir: Path) -> Program:
    arena_bytes = _arena_bytes(source, board, toolchain, ui)
    references = segments.references(source.model)
    with ui.stage("compile") as stage:
        program = compile_model(
            source.tflite,
            board,
            out_dir,
            name=source.name,
            arena_bytes=arena_bytes,
            tflm_arena_bytes=None if references else judge.smallest_arena_bytes(source.data),
        )
        stage.detail = (
            f"{len(program.ops)} operators, {program.macs:,} MACs, arena {arena_bytes:,} bytes"
        )
    return program


def _largest_arena(board: Board) -> int:
    return HOST_ARENA_BYTES if board.is_host else board.ram_size - RESERVED_RAM_BYTES


def _arena_bytes(source: Source, board: Board, toolchain: str, ui: Ui) -> int:
    """Measured: the firmware itself allocates in a large arena and says what it used."""
    folder = output_folder(source, board)
    known = CachedResult(folder / "arena.json", _arena_key(source, board, toolchain))
    found = known.load()
    if found is not None:
        return int(found["arena_bytes"])
    with ui.stage("measure") as stage:
        used = _measure_arena(source, board, toolchain, folder / "measure")
        stage.detail = f"arena of {used:,} bytes, by running AllocateTensors"
    known.save({"arena_bytes": used})
    return used


def _arena_key(source: Source, board: Board, toolchain: str) -> str:
    return key_of(
        source.sha256, board.id, toolchain, build_stage.sources_hash(board), package_key()
    )


def _measure_arena(source: Source, board: Board, toolchain: str, folder: Path) -> int:
    large = _largest_arena(board)
    program = compile_model(source.tflite, board, folder, name=source.name, arena_bytes=large)
    options = BuildOptions("interpreter", toolchain=toolchain)
    image = build_stage.build(program.folder, board, options, out_dir=folder)
    device = targets.open_device(targets.choose("auto", board), board, image.elf)
    try:
        identity = device.hello()
        memory = device.memory()
        if identity.has_model:
            return memory["arena_used_bytes"]
        if memory["arena_used_bytes"] > large:
            raise ModelTooLargeError(
                f"the model needs an arena of {memory['arena_used_bytes']:,} bytes, {board.name} "
                f"has room for {large:,}",
                memory=remedies.RAM,
            )
        raise DeviceFaultError(
            f"the firmware refused the model: {device.diagnose()}",
            "look at the model with `tinydeploy inspect`",
        )
    finally:
        device.close()
