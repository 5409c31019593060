"""The flavours of the firmware: what it does with its model, and what that changes of a build."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

MLPERF_BAUD = 115_200  # the runner's
MLPERF_FILE = "mlperf_program.h"  # the benchmark's settings, in the program folder


class Flavour(Enum):
    """What a firmware does with its model. The values are words of file names and of JSON."""

    PLAIN = "plain"  # answers frames
    BARE = "bare"  # has no link and runs the model over and over: to see what it takes
    HOT_SWAP = "hot-swap"  # PLAIN with all operators, and room for models that come later
    MLPERF = "mlperf"  # PLAIN that obeys MLPerf Tiny's runner besides

    @property
    def recipe(self) -> Recipe:
        """What is built otherwise than for PLAIN."""
        return _RECIPES[self]


@dataclass(frozen=True)
class Recipe:
    """What a flavour changes of a build.

    Attributes:
        defines: macros for all sources.
        application: PlatformIO's filter of the application's sources; "": platformio.ini's.
        parts: folders of `firmware/` to compile besides, each with a filter of its sources.
        program_files: what the program folder holds beside the model.
        baud: of the UART; None: the board's.
        has_link: whether there is a link at all.
        has_slots: whether flash is left for models that come later.
        has_fast_kernels: whether kernels are compiled for speed. All operators together would
            leave the slots no room.
    """

    defines: tuple[str, ...] = ()
    application: str = ""
    parts: tuple[tuple[str, str], ...] = ()
    program_files: tuple[str, ...] = ()
    baud: int | None = None
    has_link: bool = True
    has_slots: bool = False
    has_fast_kernels: bool = True


_RECIPES = {
    Flavour.PLAIN: Recipe(),
    Flavour.BARE: Recipe(application="+<bare/> +<app/program.cpp>", has_link=False),
    Flavour.HOT_SWAP: Recipe(
        defines=("TINYDEPLOY_HOT_SWAP",),
        parts=(("app", "+<slots*.cpp>"),),
        has_slots=True,
        has_fast_kernels=False,
    ),
    Flavour.MLPERF: Recipe(
        defines=("TINYDEPLOY_MLPERF",),
        parts=(("mlperf", "+<*>"),),
        program_files=(MLPERF_FILE,),
        baud=MLPERF_BAUD,
    ),
}
