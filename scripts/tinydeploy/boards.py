"""The boards: read from `boards/<id>.json`, the manifests that PlatformIO reads too."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinydeploy.config import ROOT
from tinydeploy.errors import UsageError
from tinydeploy.words import did_you_mean

BOARDS_DIR = ROOT / "boards"
SLOTS = 2


@dataclass(frozen=True)
class Led:
    """Where an LED is; `active_low` lights it with level 0."""

    pin: int
    active_low: bool = False


@dataclass(frozen=True)
class Usb:
    """Who a board is on USB.

    Attributes:
        vendor_id, product_id: of our firmware.
        application_ids: (vendor, product) of firmware that obeys a touch, ours and the vendor's.
        bootloader_ids: the same of its bootloader.
    """

    vendor_id: int
    product_id: int
    product: str
    application_ids: frozenset[tuple[int, int]]
    bootloader_ids: frozenset[tuple[int, int]]


@dataclass(frozen=True)
class Bootloader:
    """What lies before the application in flash.

    Attributes:
        kind: which one it is, for the simulator and the flasher; "" where none is.
        stay: value for the chip's retained register that makes it stay after a reset, 0 if none.
        uf2_board_id: how the `INFO_UF2.TXT` on its USB drive begins to name the board; "" without
            a drive.
    """

    kind: str = ""
    stay: int = 0
    uf2_board_id: str = ""


@dataclass(frozen=True)
class Board:
    """What the host needs to know of a board.

    Attributes:
        flash_origin: address where the image starts, after the bootloader.
        flash_size: bytes that an image may take there.
        baud: bit rate of the link's UART.
        flasher: module of `tinydeploy.flash` that writes it, or "" if it needs no flashing.
        simulator: module of `tinydeploy.simulate` that models its chip, or "".
        picojoule_per_cycle: active energy of the chip, 0 if no figure is known.
        manifest: the whole JSON, for callers that need more.
        slot_bytes: size of each of the `SLOTS` model slots at the end of the flash, which an image
            for hot swap leaves free.
        uart_tx, uart_rx: pins of the link's UART, as the chip numbers them.
        leds: by name; `busy_led`, `fault_led` and `power_led` say which is for what, "" for none.
        dcdc: whether the board has what the chip's DC/DC converter needs.
        unique_id: which of the chip's ids its bootloader makes its USB serial number of, and so our
            firmware: "device_address" or "device_id" (nRF52840).
        usb: its USB port, if its firmware has one of its own.
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
    uart_tx: int = 0
    uart_rx: int = 0
    leds: dict[str, Led] = field(default_factory=dict)
    busy_led: str = ""
    fault_led: str = ""
    power_led: str = ""
    dcdc: bool = False
    unique_id: str = "device_address"
    usb: Usb | None = None
    bootloader: Bootloader = field(default_factory=Bootloader)

    @property
    def folder(self) -> Path:
        """Folder of the board's own sources."""
        return BOARDS_DIR / self.id

    @property
    def has_usb(self) -> bool:
        """Whether its firmware has a USB serial port of its own."""
        return self.usb is not None

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


def of_each_chip(*, with_usb: bool = False) -> list[str]:
    """Ids of one board of each chip: the others differ by pins and bootloader only."""
    chosen: dict[str, str] = {}
    for board in map(load, names()):
        if not board.is_host and (board.has_usb or not with_usb):
            chosen.setdefault(board.chip, board.id)
    return list(chosen.values())


def load(board_id: str) -> Board:
    """Read `boards/<board_id>.json`; raises UsageError with the known names for an unknown one."""
    path = BOARDS_DIR / f"{board_id}.json"
    if not path.is_file():
        known = f"boards are: {', '.join(names())}"
        raise UsageError(f"no board {board_id!r}", did_you_mean(board_id, names(), known))
    manifest = json.loads(path.read_text(encoding="utf-8"))
    own = manifest["tinydeploy"]
    energy, link, lamps = own.get("energy", {}), own.get("link", {}), own.get("leds", {})
    return Board(
        id=board_id,
        name=manifest["name"],
        chip=own["chip"],
        cpu_hz=int(str(manifest["build"]["f_cpu"]).rstrip("L")),
        flash_origin=int(own["flash_origin"], 16),
        flash_size=manifest["upload"]["maximum_size"],
        ram_origin=int(own["ram_origin"], 16),
        ram_size=manifest["upload"]["maximum_ram_size"],
        baud=link.get("baud", 0),
        flasher=own.get("flasher", ""),
        simulator=own.get("simulator", ""),
        picojoule_per_cycle=energy.get("picojoule_per_cycle", 0.0),
        energy_source=energy.get("source", ""),
        manifest=manifest,
        slot_bytes=own.get("slot_bytes", 0),
        uart_tx=_pin(link.get("tx", 0)),
        uart_rx=_pin(link.get("rx", 0)),
        leds={name: _led(**lamp) for name, lamp in lamps.items()},
        **{f"{role}_led": _first_with(lamps, role) for role in ("busy", "fault", "power")},
        dcdc=own.get("dcdc", False),
        unique_id=own.get("unique_id", "device_address"),
        usb=_usb(own["usb"]) if "usb" in own else None,
        bootloader=_bootloader(**own.get("bootloader", {})),
    )


def _pin(name: str | int) -> int:
    """The number of a pin: of `P1.03`, a port of 32 pins each, or a number as it is."""
    port = re.fullmatch(r"P(\d)\.(\d\d)", str(name))
    return 32 * int(port[1]) + int(port[2]) if port else int(name)


def _led(pin: str | int, active_low: bool = False, use: str = "") -> Led:
    return Led(_pin(pin), active_low)


def _first_with(lamps: dict[str, Any], use: str) -> str:
    """Name of the LED that is for `use`."""
    return next((name for name, lamp in lamps.items() if lamp.get("use") == use), "")


def _bootloader(kind: str = "", stay: str = "0", uf2_board_id: str = "") -> Bootloader:
    return Bootloader(kind, int(stay, 16), uf2_board_id)


def _usb(section: dict[str, Any]) -> Usb:
    """Ids are texts of hexadecimal digits, `2341:805a`; the first of `application` is ours."""
    application, bootloader = (
        [_ids(text) for text in section[who]] for who in ("application", "bootloader")
    )
    return Usb(*application[0], section["product"], frozenset(application), frozenset(bootloader))


def _ids(text: str) -> tuple[int, int]:
    vendor, product = text.split(":")
    return int(vendor, 16), int(product, 16)
