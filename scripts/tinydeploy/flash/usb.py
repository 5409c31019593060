"""Finding a Nano 33 on USB and following it from its application into its bootloader and back.

Ids and serial numbers: nano33.md, section 7. The bootloader's serial number is the application's
with 16 zeros before it, so the common tail tells that it is the same board.

A port that the system does not list with USB ids (a pseudo-terminal of a simulated board, a network
port) is followed by its name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from tinydeploy.errors import PortError
from tinydeploy.flash.ports import Ports
from tinydeploy.link.transport import PortInfo

ARDUINO = 0x2341
APPLICATION_IDS = frozenset({(ARDUINO, 0x805A), (ARDUINO, 0x015A), (ARDUINO, 0x025A)})
BOOTLOADER_IDS = frozenset({(ARDUINO, 0x005A)})
SERIAL_DIGITS = 16


@dataclass(frozen=True)
class Target:
    """The board to flash: where it is now, and how to know it again after a restart."""

    port: str
    serial_number: str
    listed: bool
    in_bootloader: bool


def same_board(a: str, b: str) -> bool:
    """Whether two serial numbers share their last digits; an empty one fits all."""
    a, b = a.upper()[-SERIAL_DIGITS:], b.upper()[-SERIAL_DIGITS:]
    return a.endswith(b) or b.endswith(a)


def find(ports: Ports, port: str, serial_number: str) -> Target:
    """Find the board by port, by serial number, or because it is the only one.

    Raises:
        PortError: none found, several found, or the port belongs to something else.
    """
    listed = ports.list()
    if port:
        return _by_port(ports, listed, port)
    boards = [info for info in listed if _ids(info) in APPLICATION_IDS | BOOTLOADER_IDS]
    fitting = [info for info in boards if same_board(info.serial_number, serial_number)]
    if len(fitting) == 1:
        return _target(fitting[0])
    if fitting:
        raise PortError(
            f"{len(fitting)} boards are connected: {_names(fitting)}",
            "choose one with --port or --serial-number",
        )
    if boards:
        raise PortError(
            f"no board with serial number {serial_number}; connected: {_names(boards)}",
            "choose one of these with --serial-number",
        )
    raise PortError(
        "no Nano 33 found on USB",
        "connect it with a cable that carries data; if its firmware does not show up on USB, press "
        "the reset button twice quickly: the orange LED fades and the bootloader appears",
    )


def bootloader_ports(ports: Ports, target: Target) -> list[str]:
    """Ports where the bootloader of `target` may be found now."""
    return _now(ports, target, BOOTLOADER_IDS)


def application_ports(ports: Ports, target: Target) -> list[str]:
    """Ports where the firmware of `target` may be found now."""
    return _now(ports, target, APPLICATION_IDS)


def _now(ports: Ports, target: Target, ids: frozenset[tuple[int, int]]) -> list[str]:
    if not target.listed:
        return [target.port] if ports.exists(target.port) else []
    return [
        info.device
        for info in ports.list()
        if _ids(info) in ids and same_board(info.serial_number, target.serial_number)
    ]


def _by_port(ports: Ports, listed: list[PortInfo], port: str) -> Target:
    device = os.path.realpath(port)  # names under /dev/serial/by-id change in the bootloader
    for info in listed:
        if info.device in (port, device) and _ids(info) != (0, 0):
            if _ids(info) in APPLICATION_IDS | BOOTLOADER_IDS:
                return _target(info)
            raise PortError(
                f"{port} is {info.vendor_id:04x}:{info.product_id:04x} {info.description}, "
                "not a Nano 33 in a state that can be flashed",
                "if it is a Nano 33 with foreign firmware, press its reset button twice quickly",
            )
    if not ports.exists(port) and "://" not in port:
        there = f"ports are: {_names(listed)}" if listed else "no serial port is there"
        raise PortError(f"no port {port}", f"{there}; `tinydeploy doctor` tells more")
    return Target(port, "", listed=False, in_bootloader=False)


def _target(info: PortInfo) -> Target:
    return Target(info.device, info.serial_number, True, _ids(info) in BOOTLOADER_IDS)


def _ids(info: PortInfo) -> tuple[int, int]:
    return info.vendor_id, info.product_id


def _names(infos: list[PortInfo]) -> str:
    return ", ".join(f"{info.device} ({info.serial_number or 'no serial'})" for info in infos)
