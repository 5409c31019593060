"""Any board with SWD pads through a debug probe, with pyOCD (nano33.md, 8; sparkfun_edge.md, 9).

pyOCD is started as a program of its own, and is installed by the user. It may unlock a
locked chip by erasing all of it, bootloader included, and does so by default: that is switched off
in every call here, and pages are erased one by one.

Not run on hardware; the options are those of pyOCD 0.46.
"""

from __future__ import annotations

import importlib.util
import sys
import tempfile
import time
from pathlib import Path

from tinydeploy import tools, whole
from tinydeploy.errors import BuildError, SetupError, UsageError
from tinydeploy.flash import image
from tinydeploy.flash.base import FlashJob, FlashResult, State, Watch

TIMEOUT_S = 300.0
NO_PROBE = "No connected debug probes"
MISMATCH = "Mismatched byte"  # `compare` ends with status 0 all the same
NO_MASS_ERASE = ("-O", "auto_unlock=false")

ADVICE = {
    State.UNTOUCHED: "check the probe and its wires to SWDIO, SWCLK, GND and VTref",
    State.PARTLY_WRITTEN: "run the same command again; if the chip is locked, unlocking it would "
    "erase its bootloader: tinydeploy does not do that",
    State.WRITTEN: "press the reset button",
}


def write(job: FlashJob) -> FlashResult:
    """Flash any board through a debug probe; `job.serial_number` chooses the probe.

    Raises:
        SetupError: pyOCD is not installed.
        FlashStoppedError: with the state of the board.
    """
    board = job.board
    target = str(board.manifest.get("tinydeploy", {}).get("probe_target", ""))
    if not target:
        raise UsageError(f"board {board.id} names no target for a debug probe", "use another tool")
    image.check(job.image, board)
    started_s = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "firmware.bin"
        whole.write(path, job.image)
        _program(job, target, path)
    job.observer.progress(len(job.image), len(job.image))
    return FlashResult(
        tool="pyocd",
        board=board.id,
        image_bytes=len(job.image),
        port=job.port,
        bootloader="",
        verified="written and compared by pyOCD",
        seconds=time.monotonic() - started_s,
        serial_number=job.serial_number,
    )


def flash_arguments(target: str, origin: int, probe: str, path: Path) -> list[str]:
    """Arguments of `pyocd` that write the image."""
    where = ["--base-address", f"{origin:#x}", "--format", "bin", str(path)]
    return ["flash", *_common(target, probe), "--erase", "sector", *where]


def compare_arguments(target: str, origin: int, probe: str, path: Path) -> list[str]:
    """Arguments of `pyocd` that compare the image with the flash."""
    return ["commander", *_common(target, probe), "-c", f"compare {origin:#x} {path}"]


def reset_arguments(target: str, probe: str) -> list[str]:
    """Arguments of `pyocd` that start the firmware."""
    return ["reset", *_common(target, probe)]


def _common(target: str, probe: str) -> list[str]:
    return ["--no-wait", "-t", target, *NO_MASS_ERASE, *(["-u", probe] if probe else [])]


def _program(job: FlashJob, target: str, path: Path) -> None:
    origin, probe = job.board.flash_origin, job.serial_number
    watch = Watch("writing through the debug probe", ADVICE)
    with watch.guard():
        _run(flash_arguments(target, origin, probe, path), State.PARTLY_WRITTEN, watch)
        compared = _run(compare_arguments(target, origin, probe, path), watch.state, watch)
        if MISMATCH in compared:
            raise watch.stop("the flash differs from the image after writing")
        _run(reset_arguments(target, probe), State.WRITTEN, watch)


def _run(arguments: list[str], state: State, watch: Watch) -> str:
    """Run pyOCD; `state` is where the board is left if it fails."""
    command = _pyocd() + arguments
    watch.state = state
    try:
        return tools.run(command, what=f"pyocd {arguments[0]}", timeout_s=TIMEOUT_S).stdout
    except BuildError as error:
        if NO_PROBE in error.message and arguments[0] == "flash":
            watch.state = State.UNTOUCHED
            raise watch.stop("pyOCD finds no debug probe") from error
        raise watch.stop(error.message) from error


def _pyocd() -> list[str]:
    if importlib.util.find_spec("pyocd") is not None:
        return tools.python_module_argv("pyocd")
    program = tools.find("pyocd")
    if program is None:
        raise SetupError(
            "flashing through a debug probe needs pyOCD, which is not installed",
            f"install it with `{sys.executable} -m pip install pyocd`",
        )
    return [str(program)]
