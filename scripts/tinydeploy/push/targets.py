"""Which device takes the model: one on a port, or a simulated one whose flash a file keeps."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from tinydeploy import images, locks, simulate, sources, targets, whole
from tinydeploy.boards import SLOTS, Board
from tinydeploy.config import BUILD_DIR
from tinydeploy.errors import UsageError
from tinydeploy.link.client import Device
from tinydeploy.link.process import ProcessTransport
from tinydeploy.link.reopen import Reopener
from tinydeploy.link.symbols import symbolizer
from tinydeploy.link.transport import Transport
from tinydeploy.stages import push_key
from tinydeploy.stages.build import Image
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.flavour import Flavour
from tinydeploy.targets import HOST, SIMULATOR, Target
from tinydeploy.ui import Ui

DEFAULT_BUILT_IN = "sine"
FLASH_VARIABLE = "TINYDEPLOY_FLASH"  # boards/host/board.cpp


def flash_file(board: Board) -> Path:
    """Where the model slots of the simulated board, or of this PC, are kept between commands."""
    return BUILD_DIR / "slots" / f"{board.id}.flash"


def deployed(board: Board, tflite: Path, key: bytes | None = None) -> None:
    """Let simulated devices restart, with this model and this push key built in."""
    flash_file(board).unlink(missing_ok=True)  # first: it belongs to the image before
    _key_file(board).unlink(missing_ok=True)
    whole.write(_note(board), str(tflite.resolve()))
    if key:
        whole.write(_key_file(board), key.hex(), mode=whole.FOR_OWNER)


def built_in(board: Board) -> str:
    """The model in the image of simulated devices: what was deployed last for hot swap."""
    note = _note(board)
    tflite = note.read_text(encoding="utf-8") if note.is_file() else ""
    return tflite if Path(tflite).is_file() else DEFAULT_BUILT_IN


def _key_file(board: Board) -> Path:
    """The push key of that image, if it has one."""
    return flash_file(board).with_suffix(".key")


def _note(board: Board) -> Path:
    return flash_file(board).with_suffix(".built_in")


@contextmanager
def opened(target: Target, board: Board, toolchain: str, ui: Ui) -> Iterator[Device]:
    """A device with firmware for hot swap: a board on a port, or a simulated one.

    Raises:
        UsageError: the target has no flash that could be written.
    """
    if target.is_port:
        with targets.held(target):
            yield from _used(_on_port(target, board))
        return
    if target.name not in (HOST, SIMULATOR):
        raise UsageError(
            f"--target {target.name} does not model the flash controller",
            "`simulator` does, or give the port of a board",
        )
    with locks.held(flash_file(board), ui.warn):
        yield from _simulated(target, board, toolchain, ui)


def _simulated(target: Target, board: Board, toolchain: str, ui: Ui) -> Iterator[Device]:
    file = _key_file(board)
    key = push_key.read(file) if file.is_file() else None
    elf = image(board, built_in(board), toolchain, ui, key).elf
    content = _content(board)
    if target.name == HOST:
        yield from _on_this_pc(elf, board, content)
        return
    simulated = simulate.open(board, elf, target.options)
    simulated.machine.write(board.slots_origin, content)
    try:
        yield from _used(Device(simulated, symbolize=symbolizer(elf)))
    finally:
        _keep(board, simulated.memory(board.slots_origin, len(content)))


def _on_port(target: Target, board: Board) -> Device:
    def opened(name: str) -> Transport:
        return targets.open_transport(replace(target, link_port=name), board, Path())

    name = target.link_port or target.name
    return Device(opened(name), reopen=Reopener(name, opened))


def image(board: Board, model: str, toolchain: str, ui: Ui, key: bytes | None = None) -> Image:
    """Firmware for hot swap with `model` as the one to fall back on."""
    source = sources.resolve(model, None, False, None, ui)
    options = BuildOptions(
        "interpreter", toolchain=toolchain, flavour=Flavour.HOT_SWAP, push_key=key
    )
    return images.make_image(source, board, options, ui)[1]


def _on_this_pc(elf: Path, board: Board, content: bytes) -> Iterator[Device]:
    _keep(board, content)
    yield from _used(Device(ProcessTransport(elf, {FLASH_VARIABLE: str(flash_file(board))})))


def _used(device: Device) -> Iterator[Device]:
    try:
        yield device
    finally:
        device.close()


def _content(board: Board) -> bytes:
    size = SLOTS * board.slot_bytes
    file = flash_file(board)
    kept = file.read_bytes() if file.is_file() else b""
    return kept if len(kept) == size else b"\xff" * size


def _keep(board: Board, content: bytes) -> None:
    whole.write(flash_file(board), content)
