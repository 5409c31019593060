"""Boards on other machines, through labgrid (https://labgrid.readthedocs.io), installed on demand.

labgrid's coordinator keeps the places and who has acquired them; the serial port of a place comes
over the network. Not tried with a coordinator: the tests use a stand-in for labgrid's library.
"""

from __future__ import annotations

from typing import Any

from tinydeploy.errors import PortError, SetupError

PREFIX = "labgrid:"
_URLS = {"rfc2217": "rfc2217://{host}:{port}", "raw": "socket://{host}:{port}"}


def port_of(place: str) -> str:
    """URL of the serial port of a place, as pyserial takes it.

    Raises:
        SetupError: labgrid is not installed.
        PortError: there is no such place, it is not acquired, or it has no serial port.
    """
    library, remote = _labgrid()
    target = library.Target(place)
    try:
        remote.RemotePlace(target, name=place)
        serial = target.get_resource("NetworkSerialPort")
        url = _URLS[serial.protocol].format(host=serial.host, port=serial.port)
    except Exception as error:  # labgrid's own errors share no base class
        raise PortError(
            f"labgrid gives no serial port for the place {place!r}: {error}",
            f"`labgrid-client -p {place} acquire` first; LG_COORDINATOR names the coordinator",
        ) from error
    return url


def _labgrid() -> tuple[Any, Any]:
    try:
        import labgrid
        import labgrid.resource.remote as remote
    except ImportError as error:
        raise SetupError(
            "labgrid is not installed here", "`pip install labgrid`, into the same environment"
        ) from error
    return labgrid, remote
