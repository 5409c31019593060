"""The program folder: a model as C++, and what SCons is told of the firmware to build around it.

The latter is `program.json`, written by `put` and read by `read`, here and by PlatformIO's builder.
A folder without it is built as PLAIN, with the engine that its sources are for.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

from tinydeploy import whole
from tinydeploy.boards import Board
from tinydeploy.errors import BuildError
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.flavour import Flavour

HEADER_FILE = "model.h"
MODEL_FILE = "model.cc"  # for the interpreter
PLAN_FILE = "plan.cc"  # for the compiled engine
KERNEL_FILES = "kernel_*.cc"  # the interpreter's kernels that a plan calls
OPTIONS_FILE = "program.json"


@dataclass(frozen=True)
class FirmwareOptions:
    """What SCons is told, beside board, toolchain and link.

    Attributes:
        is_compiled: the program is a plan for the compiled engine, not a model to interpret.
        is_compact: kernels are compiled for size, as everything else is, not for speed.
        push_key: hexadecimal, "" for none.
    """

    is_compiled: bool
    flavour: Flavour = Flavour.PLAIN
    is_compact: bool = False
    push_key: str = field(default="", repr=False)

    @property
    def text(self) -> str:
        """As in `program.json`."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return json.dumps({**values, "flavour": self.flavour.value}, indent=1) + "\n"

    @property
    def folder_suffix(self) -> str:
        """What of it the name of a folder of objects tells."""
        engine = "-compiled" if self.is_compiled else ""
        flavour = "" if self.flavour is Flavour.PLAIN else f"-{self.flavour.value}"
        return engine + flavour + ("-compact" if self.is_compact else "")


def put(program_dir: Path, options: BuildOptions) -> FirmwareOptions:
    """Have the firmware around a program be what `options` say; returns what SCons will read."""
    told, file = _told(program_dir, options), program_dir / OPTIONS_FILE
    if told == _unsaid(program_dir):
        file.unlink(missing_ok=True)
    else:
        mode = whole.FOR_OWNER if told.push_key else whole.FOR_ALL
        whole.write_if_changed(file, told.text, mode=mode)
    return told


def read(program_dir: Path) -> FirmwareOptions:
    """What SCons is to build around a program.

    Raises:
        BuildError: `program.json` is not as `put` writes it.
    """
    file = program_dir / OPTIONS_FILE
    if not file.is_file():
        return _unsaid(program_dir)
    try:
        values = json.loads(file.read_text(encoding="utf-8"))
        return FirmwareOptions(**{**values, "flavour": Flavour(values["flavour"])})
    except (ValueError, TypeError, KeyError) as error:
        raise BuildError(
            f"{file} is not what this tinydeploy writes: {error}",
            "remove the folder; what made it makes it again",
        ) from error


def sources(program_dir: Path, told: FirmwareOptions) -> Iterator[str]:
    """Names of the files in a program folder that its firmware is made of."""
    yield HEADER_FILE
    yield PLAN_FILE if told.is_compiled else MODEL_FILE
    yield from told.flavour.recipe.program_files
    if told.is_compiled:
        yield from sorted(path.name for path in program_dir.glob(KERNEL_FILES))


def link_baud(program_dir: Path, board: Board) -> int:
    """Bit rate of the firmware's UART."""
    return read(program_dir).flavour.recipe.baud or board.baud


def _told(program_dir: Path, options: BuildOptions) -> FirmwareOptions:
    unsaid = _unsaid(program_dir).is_compiled
    is_compiled = unsaid if options.engine == "auto" else options.engine == "compiled"
    return FirmwareOptions(
        is_compiled,
        options.flavour,
        is_compiled and options.choices.optimize == "size",
        (options.push_key or b"").hex(),
    )


def _unsaid(program_dir: Path) -> FirmwareOptions:
    """Of a folder that holds a program and nothing else."""
    return FirmwareOptions((program_dir / PLAN_FILE).is_file())
