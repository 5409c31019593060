"""Checks of an image before anything is written: does it belong where it is about to go?"""

from __future__ import annotations

import struct
from pathlib import Path

from tinydeploy.boards import Board
from tinydeploy.errors import FlashError
from tinydeploy.flash.base import FlashStoppedError, State

VECTORS_BYTES = 64  # the 16 system vectors
THUMB = 1


def load(image: bytes | Path) -> bytes:
    """The bytes of an image or of an image file; raises FlashError when it cannot be read."""
    if isinstance(image, bytes):
        return image
    try:
        data = image.read_bytes()
    except OSError as error:
        reason = error.strerror or str(error)
        raise FlashError(f"cannot read {image}: {reason}", "build the firmware first") from error
    if data.startswith(b"\x7fELF"):
        raise _refused(f"{image} is an ELF file", "give the .bin beside it")
    return data


def check(
    image: bytes, board: Board, *, origin: int | None = None, room_bytes: int | None = None
) -> None:
    """Refuse an image that is too large or whose first two vectors do not fit the board.

    A Cortex-M starts with word 0 as stack pointer and word 1 as address of the reset handler; both
    tell whether the image was linked for this address on this chip.

    Args:
        origin: where the bootloader puts it, if that is not what the board's JSON says.
        room_bytes: what the bootloader takes, if that may be less than the board has.

    Raises:
        FlashStoppedError: with `State.UNTOUCHED`.
    """
    origin = board.flash_origin if origin is None else origin
    room_bytes = board.flash_size if room_bytes is None else min(board.flash_size, room_bytes)
    if len(image) < VECTORS_BYTES:
        raise _refused(f"an image of {len(image)} bytes has no vector table", "build it again")
    if len(image) > room_bytes:
        raise _refused(
            f"the image takes {len(image):,} bytes, the board has {room_bytes:,} for it",
            "use a smaller model",
        )
    stack, reset = struct.unpack_from("<II", image)
    if not board.ram_origin < stack <= board.ram_origin + board.ram_size:
        raise _refused(
            f"the image's stack pointer {stack:#010x} is not in this board's RAM",
            "choose the image that was built for this board",
        )
    if not (reset & THUMB and origin + VECTORS_BYTES <= reset < origin + len(image)):
        raise _refused(
            f"the image's reset vector {reset:#010x} is not within the image at {origin:#x}",
            "choose the image that was built for this board and this bootloader",
        )


def _refused(what: str, hint: str) -> FlashStoppedError:
    return FlashStoppedError(what, State.UNTOUCHED, hint)
