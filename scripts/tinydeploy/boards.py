"""The boards: read from `boards/<id>.json`, the manifests that PlatformIO reads too."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinydeploy.config import ROOT
from tinydeploy.errors import UsageError
from tinydeploy.words import did_you_mean

BOARDS_DIR = ROOT / "boards"
SLOTS = 2


@dataclass(frozen=True)
class Board:
    """What the host needs to know of a board.

    Attributes:
        flash_origin: address where the image starts, behind the bootloader.
        flash_size: bytes that an image may take there.
        baud: bit rate of the link's UART.
        flasher: module of `tinydeploy.flash` that writes it, or "" if it needs no flashing.
        simulator: module of `tinydeploy.simulate` that models its chip, or "".
        picojoule_per_cycle: active energy of the chip, 0 if no figure is known.
        manifest: the whole JSON, for whoever needs more.
        slot_bytes: size of each of the `SLOTS` model slots at the end of the flash, which an image
            for hot swap leaves free.
    """

    id: str
    name: str
    chip: str
    cpu_hz: int
    flash_origin: int
    flash_size: int
    ram_origin: int
    ram_size: int
    baud: int
    flasher: str
    simulator: str
    picojoule_per_cycle: float
    energy_source: str
    manifest: dict[str, Any]
    slot_bytes: int = 0

    @property
    def folder(self) -> Path:
        """Folder of the board's own sources."""
        return BOARDS_DIR / self.id

    @property
    def has_usb(self) -> bool:
        """Whether its firmware has a USB serial port of its own."""
        return (self.folder / "usb_id.h").is_file()

    @property
    def slots_origin(self) -> int:
        """Address of the first model slot."""
        return self.flash_origin + self.flash_size - SLOTS * self.slot_bytes

    @property
    def is_host(self) -> bool:
        """Whether the board is this PC."""
        return self.chip == "host"


def names() -> list[str]:
    """Ids of all boards, sorted."""
    return sorted(path.stem for path in BOARDS_DIR.glob("*.json"))


def load(board_id: str) -> Board:
    """Read `boards/<board_id>.json`; raises UsageError with the known names for an unknown one."""
    path = BOARDS_DIR / f"{board_id}.json"
    if not path.is_file():
        known = f"boards are: {', '.join(names())}"
        raise UsageError(f"no board {board_id!r}", did_you_mean(board_id, names(), known))
    manifest = json.loads(path.read_text(encoding="utf-8"))
    own = manifest["tinydeploy"]
    energy = own.get("energy", {})
    return Board(
        id=board_id,
        name=manifest["name"],
        chip=own["chip"],
        cpu_hz=int(str(manifest["build"]["f_cpu"]).rstrip("L")),
        flash_origin=own.get("flash_origin", 0),
        flash_size=own.get("flash_size", 0),
        ram_origin=own.get("ram_origin", 0),
        ram_size=own.get("ram_size", 0),
        baud=own.get("link", {}).get("baud", 0),
        flasher=own.get("flasher", ""),
        simulator=own.get("simulator", ""),
        picojoule_per_cycle=energy.get("picojoule_per_cycle", 0.0),
        energy_source=energy.get("source", ""),
        manifest=manifest,
        slot_bytes=own.get("slot_bytes", 0),
    )
