"""Finding the serial adapter that leads to a SparkFun Edge: the board itself is not on USB."""

from __future__ import annotations

from tinydeploy.errors import PortError
from tinydeploy.flash.ports import Ports
from tinydeploy.link.transport import PortInfo

ADAPTERS = {0x1A86: "CH340", 0x0403: "FTDI", 0x10C4: "CP210x"}


def find(ports: Ports, port: str, serial_number: str) -> str:
    """The port to use: the one asked for, or the only adapter there is.

    Raises:
        PortError: no such port, no adapter, or several.
    """
    listed = ports.list()
    if port:
        if not ports.exists(port) and "://" not in port:
            there = f"ports are: {_names(listed)}" if listed else "no serial port is there"
            raise PortError(f"no port {port}", f"{there}; `tinydeploy doctor` tells more")
        return port
    found = [info for info in listed if info.vendor_id in ADAPTERS]
    found = [info for info in found if info.serial_number.endswith(serial_number)]
    if len(found) == 1:
        return found[0].device
    if found:
        raise PortError(
            f"several adapters: {_names(found)}", "choose one with --port or --serial-number"
        )
    raise PortError(
        "no serial adapter found",
        "connect a 3.3 V USB serial adapter to the board's 6-pin header, or give --port",
    )


def _names(infos: list[PortInfo]) -> str:
    return ", ".join(
        f"{info.device} ({ADAPTERS.get(info.vendor_id, info.description)} {info.serial_number})"
        for info in infos
    )
