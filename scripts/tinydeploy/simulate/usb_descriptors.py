"""Descriptors of a CDC-ACM device, taken apart and checked (USB 2.0, 9.6; CDC 1.2, 5.2; IAD ECN).

Each function returns what is wrong, in sentences; nothing wrong is an empty list.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

DEVICE, CONFIGURATION, STRING, INTERFACE, ENDPOINT, QUALIFIER = 1, 2, 3, 4, 5, 6
ASSOCIATION, CLASS_INTERFACE = 11, 0x24
HEADER, CALL_MANAGEMENT, ACM, UNION = 0, 1, 2, 6  # subtypes of CLASS_INTERFACE
SIZES = {DEVICE: 18, CONFIGURATION: 9, INTERFACE: 9, ENDPOINT: 7, ASSOCIATION: 8}
FUNCTIONAL_SIZES = {HEADER: 5, CALL_MANAGEMENT: 5, ACM: 4}
BULK, INTERRUPT = 2, 3
COMMUNICATIONS, CDC_DATA = 0x02, 0x0A
BULK_BYTES = (8, 16, 32, 64)


@dataclass(frozen=True)
class Endpoint:
    """An endpoint descriptor."""

    address: int
    type: int
    packet_bytes: int
    interval: int

    @property
    def is_in(self) -> bool:
        """To the host."""
        return bool(self.address & 0x80)


@dataclass
class Interface:
    """An interface with what follows it."""

    number: int
    alternate: int
    declared_endpoints: int
    kind: tuple[int, int, int]  # class, subclass, protocol
    endpoints: list[Endpoint] = field(default_factory=list)
    functional: dict[int, bytes] = field(default_factory=dict)


@dataclass
class Configuration:
    """A configuration with all its descriptors."""

    value: int
    declared_interfaces: int
    attributes: int
    current_ma: int
    text: int
    interfaces: list[Interface] = field(default_factory=list)
    associations: list[bytes] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def interface(self, kind: int) -> Interface | None:
        """The first interface of a class."""
        return next((one for one in self.interfaces if one.kind[0] == kind), None)


def check_device(data: bytes) -> list[str]:
    """The device descriptor."""
    if len(data) != SIZES[DEVICE] or data[0] != SIZES[DEVICE] or data[1] != DEVICE:
        return [f"{data.hex(' ')} is no device descriptor"]
    faults = []
    if data[2:4] not in (b"\x00\x02", b"\x10\x01", b"\x01\x02", b"\x10\x02"):
        faults.append(f"bcdUSB is {data[3]:x}.{data[2]:02x}")
    if data[7] not in (8, 16, 32, 64):
        faults.append(f"bMaxPacketSize0 is {data[7]}")
    if not any(data[8:10]):
        faults.append("idVendor is 0")
    if data[17] != 1:
        faults.append(f"{data[17]} configurations, where one is known here")
    return faults


def read_configuration(data: bytes) -> Configuration:
    """Take a configuration apart; what is wrong with its layout is in `faults`."""
    found = Configuration(0, 0, 0, 0, 0)
    parts = list(_split(data, found.faults))
    if not parts or parts[0][1] != CONFIGURATION:
        found.faults.append("the configuration does not begin with its own descriptor")
        return found
    head = parts[0]
    found.declared_interfaces, found.value, found.text = head[4], head[5], head[6]
    found.attributes, found.current_ma = head[7], 2 * head[8]
    if int.from_bytes(head[2:4], "little") != len(data):
        found.faults.append(f"wTotalLength is not the {len(data)} bytes that came")
    for part in parts[1:]:
        _add(found, part)
    return found


def _split(data: bytes, faults: list[str]) -> Iterator[bytes]:
    at = 0
    while at < len(data):
        size = data[at]
        if size < 2 or at + size > len(data):
            faults.append(f"a descriptor of {size} bytes at offset {at} of {len(data)}")
            return
        part = data[at : at + size]
        if SIZES.get(part[1], size) != size:
            faults.append(f"a descriptor of type {part[1]} with {size} bytes")
            return
        yield part
        at += size


def _add(found: Configuration, part: bytes) -> None:
    kind, last = part[1], found.interfaces[-1] if found.interfaces else None
    if kind == INTERFACE:
        found.interfaces.append(Interface(part[2], part[3], part[4], (part[5], part[6], part[7])))
    elif kind == ASSOCIATION:
        found.associations.append(part)
    elif last is None:
        found.faults.append(f"a descriptor of type {kind} before any interface")
    elif kind == ENDPOINT:
        size = int.from_bytes(part[4:6], "little")
        last.endpoints.append(Endpoint(part[2], part[3] & 3, size, part[6]))
    elif kind == CLASS_INTERFACE:
        last.functional[part[2]] = part
    else:
        found.faults.append(f"a descriptor of type {kind}, which does not belong here")


def check_configuration(found: Configuration) -> list[str]:
    """A configuration as `read_configuration` gave it."""
    faults = list(found.faults)
    if found.value == 0:
        faults.append("bConfigurationValue 0 means unconfigured")
    if found.attributes & 0x9F != 0x80:
        faults.append(f"bmAttributes {found.attributes:#04x}: bit 7 is 1, bits 4 to 0 are 0")
    if found.current_ma > 500:
        faults.append(f"bMaxPower of {found.current_ma} mA")
    numbers = [one.number for one in found.interfaces if one.alternate == 0]
    if numbers != list(range(found.declared_interfaces)):
        faults.append(f"{found.declared_interfaces} interfaces declared, numbers are {numbers}")
    addresses = [end.address for one in found.interfaces for end in one.endpoints]
    if len(set(addresses)) != len(addresses):
        faults.append("two endpoints have one address")
    for one in found.interfaces:
        if len(one.endpoints) != one.declared_endpoints:
            faults.append(f"interface {one.number} declares {one.declared_endpoints} endpoints")
        for end in one.endpoints:
            faults += _check_endpoint(end)
    return faults


def _check_endpoint(end: Endpoint) -> list[str]:
    name = f"endpoint {end.address:#04x}"
    if end.address & 0x70 or not end.address & 0xF:
        return [f"{name} has an address that is none"]
    if end.type == BULK and end.packet_bytes not in BULK_BYTES:
        return [f"{name} is bulk with packets of {end.packet_bytes} bytes"]
    if end.type == INTERRUPT and not (0 < end.packet_bytes <= 64 and end.interval):
        return [f"{name}: packets of {end.packet_bytes} bytes each {end.interval} ms"]
    return [] if end.type in (BULK, INTERRUPT) else [f"{name} is of type {end.type}"]


def check_serial(found: Configuration) -> list[str]:
    """That it is one serial port: CDC-ACM (CDC 1.2; PSTN 1.2, 5.3)."""
    control, data = found.interface(COMMUNICATIONS), found.interface(CDC_DATA)
    if control is None or data is None:
        return ["no communications interface with a data interface"]
    faults = []
    if control.kind[1] != 2:
        faults.append(f"subclass {control.kind[1]} instead of 2, abstract control model")
    if [(end.type, end.is_in) for end in control.endpoints] != [(INTERRUPT, True)]:
        faults.append("the communications interface wants one interrupt endpoint to the host")
    if sorted((end.type, end.is_in) for end in data.endpoints) != [(BULK, False), (BULK, True)]:
        faults.append("the data interface wants one bulk endpoint each way")
    faults += _check_functional(control, data)
    for association in found.associations:
        if (association[2], association[3]) != (control.number, 2):
            faults.append("the association does not span the two interfaces")
        if tuple(association[4:7]) != (*control.kind[:2], association[6]):
            faults.append("class of association and communications interface differ")
    return faults


def _check_functional(control: Interface, data: Interface) -> list[str]:
    parts = control.functional
    faults = [
        f"functional descriptor {kind} is missing or not {size} bytes"
        for kind, size in FUNCTIONAL_SIZES.items()
        if len(parts.get(kind, b"")) != size
    ]
    if next(iter(parts), None) != HEADER:
        faults.append("the header comes first among the functional descriptors")
    if parts.get(UNION, b"")[3:] != bytes([control.number, data.number]):
        faults.append("the union names other interfaces")
    if ACM in parts and not parts[ACM][3] & 2:
        faults.append("line coding and control line state are not among the capabilities")
    calls = parts.get(CALL_MANAGEMENT, bytes(5))
    if calls[3] & 2 and calls[4] != data.number:
        faults.append("call management names another data interface")
    return faults


def read_string(data: bytes) -> str | None:
    """Text of a string descriptor, None if it is not a proper one."""
    if len(data) < 2 or data[0] != len(data) or data[1] != STRING or len(data) % 2:
        return None
    try:
        return data[2:].decode("utf-16-le")
    except UnicodeDecodeError:
        return None
