"""Whether a port leads to a SAM-BA bootloader of a Nano 33 (docs/boards/nano33.md, 8)."""

from __future__ import annotations

from tinydeploy.errors import FlashError, PortError
from tinydeploy.flash import enter
from tinydeploy.flash.base import Say
from tinydeploy.flash.channel import Channel
from tinydeploy.flash.ports import Ports, open_patiently
from tinydeploy.flash.samba import NoAnswerError, SambaClient
from tinydeploy.flash.usb import UsbTarget

BAUD = 921600  # what bossac opens with; the bootloader ignores it
DOUBLE_TAP = "press the reset button twice quickly, so that the orange LED fades"


def enter_bootloader(
    ports: Ports, target: UsbTarget, say: Say, patience: enter.Patience
) -> SambaClient | None:
    """As `enter.enter_bootloader`."""
    return enter.enter_bootloader(ports, target, say, patience, knock, DOUBLE_TAP)


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


def knock(ports: Ports, port: str, thorough: bool) -> SambaClient | None:
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
