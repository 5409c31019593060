"""Getting a board into its bootloader by a touch of its USB port, and a client onto it.

A touch is opening the port at 1200 baud and closing it (docs/boards/nano33.md, 7); Arduino's boards
and those with Adafruit's bootloader obey it alike.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from tinydeploy.errors import PortError
from tinydeploy.flash import usb
from tinydeploy.flash.base import Say
from tinydeploy.flash.ports import Ports
from tinydeploy.flash.usb import UsbTarget

Client = TypeVar("Client")
Knock = Callable[[Ports, str, bool], Client | None]
"""Takes a port and whether to wait for a board that may not listen at once."""


@dataclass(frozen=True)
class Patience:
    """How long to wait for the board, seconds (estimates: docs/boards/nano33.md, 7)."""

    leave_s: float = 2.0
    touch_s: float = 8.0  # the bootloader appears 0.5 to 2 s after a touch
    double_tap_s: float = 30.0
    restart_s: float = 6.0
    stable_s: float = 0.8
    poll_s: float = 0.1


def enter_bootloader(
    ports: Ports,
    target: UsbTarget,
    say: Say,
    patience: Patience,
    knock: Knock[Client],
    double_tap: str,
) -> Client | None:
    """Touch the application, or ask a person to press the button; None when neither helped.

    Args:
        knock: opens a port and looks whether a bootloader answers there.
        double_tap: what the person is asked to do.

    Raises:
        PortError: the port is there but cannot be opened.
    """
    if not target.in_bootloader:
        client = None if target.listed else knock(ports, target.port, False)
        if client:
            return client
        touch(ports, target.port)
        _await_departure(ports, target, patience)
    client = await_bootloader(ports, target, patience.touch_s, patience.poll_s, knock)
    if client is None:
        say(f"The board did not enter its bootloader by itself: {double_tap}.")
        client = await_bootloader(ports, target, patience.double_tap_s, patience.poll_s, knock)
    return client


def touch(ports: Ports, port: str) -> None:
    """Ask the application for its bootloader; raises PortError if the port cannot be opened."""
    try:
        ports.touch_1200(port)
    except PortError:
        if ports.exists(port):
            raise  # there, but not for us: the message says why


def _await_departure(ports: Ports, target: UsbTarget, patience: Patience) -> None:
    """Leave the port alone until it goes: opening it would raise DTR and undo the touch."""
    if target.listed:
        return  # the bootloader has ids of its own, so the application's port is not tried
    deadline_s = ports.now() + patience.leave_s
    while ports.exists(target.port) and ports.now() < deadline_s:
        ports.sleep(patience.poll_s)


def await_bootloader(
    ports: Ports, target: UsbTarget, timeout_s: float, poll_s: float, knock: Knock[Client]
) -> Client | None:
    """Wait for a port that answers as the bootloader; None when none did.

    After every reset that of a Nano 33 may show up for half a second without serving
    (docs/boards/nano33.md, 2): only an answer counts.
    """
    deadline_s = ports.now() + timeout_s
    while True:
        for port in usb.bootloader_ports(ports, target):
            client = knock(ports, port, True)
            if client:
                return client
        if ports.now() >= deadline_s:
            return None
        ports.sleep(poll_s)


def await_application(ports: Ports, target: UsbTarget, patience: Patience) -> str:
    """Wait for the port of the new firmware; "" when it does not show up on USB.

    Before it the bootloader's may show up for half a second. Where ids do not tell them apart, the
    firmware's is the one that stays.
    """
    needed_s = 0.0 if target.listed else patience.stable_s
    deadline_s = ports.now() + patience.restart_s
    there_since_s = deadline_s
    while ports.now() < deadline_s:
        found = usb.application_ports(ports, target)
        there_since_s = min(there_since_s, ports.now()) if found else deadline_s
        if found and ports.now() - there_since_s >= needed_s:
            return found[0]
        ports.sleep(patience.poll_s)
    return ""


def is_back(ports: Ports, target: UsbTarget) -> bool:
    """Whether the bootloader is there again, instead of the firmware."""
    return target.listed and bool(usb.bootloader_ports(ports, target))
