"""Finding a board on USB and following it from its application into its bootloader and back.

Ids are the board's own (`usb` in its JSON). The serial number of the Nano 33's bootloader is the
application's with 16 zeros before it (docs/boards/nano33.md, 7), so the common tail tells that
it is the same board.

A port that the system does not list with USB ids (a pseudo-terminal of a simulated board, a network
port) is followed by its name.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from tinydeploy.boards import Board, Usb
from tinydeploy.errors import PortError, UsageError
from tinydeploy.flash.ports import Ports
from tinydeploy.link.transport import PortInfo

SERIAL_DIGITS = 16


@dataclass(frozen=True)
class UsbTarget:
    """The board to flash: where it is now, and how to know it again after a restart."""

    usb: Usb
    port: str
    serial_number: str
    listed: bool
    in_bootloader: bool


def same_board(a: str, b: str) -> bool:
    """Whether two serial numbers share their last digits; an empty one fits all."""
    a, b = a.upper()[-SERIAL_DIGITS:], b.upper()[-SERIAL_DIGITS:]
    return a.endswith(b) or b.endswith(a)


def find(ports: Ports, board: Board, port: str, serial_number: str) -> UsbTarget:
    """Find the board by port, by serial number, or because it is the only one.

    Raises:
        PortError: none found, several found, or the port belongs to something else.
        UsageError: the board has no USB port of its own.
    """
    if board.usb is None:
        raise UsageError(f"{board.id} has no USB port of its own", "choose another --flash-tool")
    listed = ports.list()
    if port:
        return _by_port(ports, board.usb, listed, port)
    boards = [info for info in listed if _ids(info) in _all_ids(board.usb)]
    fitting = [info for info in boards if same_board(info.serial_number, serial_number)]
    if len(fitting) == 1:
        return _target(board.usb, fitting[0])
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
        f"no {board.usb.product} found on USB",
        "connect it with a cable that carries data; if its firmware does not show up on USB, press "
        "the reset button twice quickly: an LED fades and the bootloader appears",
    )


def bootloader_ports(ports: Ports, target: UsbTarget) -> list[str]:
    """Ports where the bootloader of `target` may be found now."""
    return _now(ports, target, target.usb.bootloader_ids)


def application_ports(ports: Ports, target: UsbTarget) -> list[str]:
    """Ports where the firmware of `target` may be found now."""
    return _now(ports, target, target.usb.application_ids)


def _now(ports: Ports, target: UsbTarget, ids: frozenset[tuple[int, int]]) -> list[str]:
    if not target.listed:
        return [target.port] if ports.exists(target.port) else []
    return [
        info.device
        for info in ports.list()
        if _ids(info) in ids and same_board(info.serial_number, target.serial_number)
    ]


def _by_port(ports: Ports, ids: Usb, listed: list[PortInfo], port: str) -> UsbTarget:
    device = os.path.realpath(port)  # names under /dev/serial/by-id change in the bootloader
    for info in listed:
        if info.device in (port, device) and _ids(info) != (0, 0):
            if _ids(info) in _all_ids(ids):
                return _target(ids, info)
            raise PortError(
                f"{port} is {info.vendor_id:04x}:{info.product_id:04x} {info.description}, "
                f"not a {ids.product} in a state that can be flashed",
                f"if it is a {ids.product} with foreign firmware, press its reset button twice "
                "quickly",
            )
    if not ports.exists(port) and "://" not in port:
        there = f"ports are: {_names(listed)}" if listed else "no serial port is there"
        raise PortError(f"no port {port}", f"{there}; `tinydeploy doctor` tells more")
    return UsbTarget(ids, port, "", listed=False, in_bootloader=False)


def _target(ids: Usb, info: PortInfo) -> UsbTarget:
    in_bootloader = _ids(info) in ids.bootloader_ids
    return UsbTarget(ids, info.device, info.serial_number, True, in_bootloader)


def _all_ids(usb: Usb) -> frozenset[tuple[int, int]]:
    return usb.application_ids | usb.bootloader_ids


def _ids(info: PortInfo) -> tuple[int, int]:
    return info.vendor_id, info.product_id


def _names(infos: list[PortInfo]) -> str:
    return ", ".join(f"{info.device} ({info.serial_number or 'no serial'})" for info in infos)
