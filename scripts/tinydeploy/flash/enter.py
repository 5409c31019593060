"""Getting a Nano 33 into its bootloader and a client onto it (nano33.md, sections 2 and 7)."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.errors import FlashError, PortError
from tinydeploy.flash import usb
from tinydeploy.flash.base import Say
from tinydeploy.flash.channel import Channel
from tinydeploy.flash.ports import Ports, open_patiently
from tinydeploy.flash.samba import NoAnswerError, SambaClient
from tinydeploy.flash.usb import Target

BAUD = 921600  # what bossac opens with; the bootloader ignores it
DOUBLE_TAP = "press the reset button twice quickly, so that the orange LED fades"


@dataclass(frozen=True)
class Patience:
    """How long to wait for the board, seconds (estimates: nano33.md, section 7)."""

    leave_s: float = 2.0
    touch_s: float = 8.0  # the bootloader appears 0.5 to 2 s after a touch
    double_tap_s: float = 30.0
    restart_s: float = 6.0
    stable_s: float = 0.8
    poll_s: float = 0.1


def enter_bootloader(
    ports: Ports, target: Target, say: Say, patience: Patience
) -> SambaClient | None:
    """Touch the application, or ask a person to press the button; None when neither helped.

    Raises:
        PortError: the port is there but cannot be opened.
    """
    if not target.in_bootloader:
        client = None if target.listed else _try_port(ports, target.port, thorough=False)
        if client:
            return client
        _touch(ports, target.port)
        _await_departure(ports, target, patience)
    client = _await_bootloader(ports, target, patience.touch_s, patience.poll_s)
    if client is None:
        say(f"The board did not enter its bootloader by itself: {DOUBLE_TAP}.")
        client = _await_bootloader(ports, target, patience.double_tap_s, patience.poll_s)
    return client


def describe_bootloader(ports: Ports, port: str) -> str:
    """Version and variant of the bootloader on a port; raises PortError and FlashError."""
    client = _open(ports, port)
    try:
        client.synchronise()
        version, loader = client.version(), client.identify()
    except NoAnswerError as error:
        raise FlashError(f"the bootloader does not answer to {error}", DOUBLE_TAP) from error
    finally:
        client.close()
    return f"{version}, {loader.name if loader else 'of an unknown build'}"


def _touch(ports: Ports, port: str) -> None:
    try:
        ports.touch_1200(port)
    except PortError:
        if ports.exists(port):
            raise  # there, but not for us: the message says why


def _await_departure(ports: Ports, target: Target, patience: Patience) -> None:
    """Leave the port alone until it goes: opening it would raise DTR and undo the touch."""
    if target.listed:
        return  # the bootloader has ids of its own, so the application's port is not tried
    deadline_s = ports.now() + patience.leave_s
    while ports.exists(target.port) and ports.now() < deadline_s:
        ports.sleep(patience.poll_s)


def _await_bootloader(
    ports: Ports, target: Target, timeout_s: float, poll_s: float
) -> SambaClient | None:
    """Wait for a port that answers as the bootloader.

    After every reset the bootloader may show up for half a second without serving (nano33.md,
    section 2): only an answer counts.
    """
    deadline_s = ports.now() + timeout_s
    while True:
        for port in usb.bootloader_ports(ports, target):
            client = _try_port(ports, port, thorough=True)
            if client:
                return client
        if ports.now() >= deadline_s:
            return None
        ports.sleep(poll_s)


def _try_port(ports: Ports, port: str, *, thorough: bool) -> SambaClient | None:
    """A client on `port` if a bootloader answers there."""
    client = None
    try:
        client = _open(ports, port)
        if thorough:
            client.synchronise()
        if client.probe() and client.version():
            return client
    except (PortError, NoAnswerError):
        pass
    if client:
        client.close()
    return None


def _open(ports: Ports, port: str) -> SambaClient:
    return SambaClient(Channel(open_patiently(ports, port, BAUD), ports))
