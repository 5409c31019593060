"""Answers of a device taken apart. What it says is checked before anybody counts on it."""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy.abi.layout import FieldRangeError, Struct, Value
from tinydeploy.errors import LinkError

_HINT = "flash the firmware again so that host and device agree"


def unpack(layout: Struct, payload: bytes) -> Mapping[str, Value]:
    """Fields by name.

    Raises:
        LinkError: another length, or a number that the protocol does not allow.
    """
    try:
        return layout.received(payload)
    except FieldRangeError as error:
        raise LinkError(f"the device sent what cannot be: {error}", _HINT) from error


def numbers(layout: Struct, payload: bytes) -> dict[str, int]:
    """The fields that are whole numbers; raises as `unpack` does."""
    fields = unpack(layout, payload)
    return {name: value for name, value in fields.items() if isinstance(value, int)}


def exactly(payload: bytes, size: int) -> bytes:
    """The payload, whose length was stated by us; raises LinkError for another one."""
    if len(payload) != size:
        raise LinkError(f"the device sent {len(payload)} bytes where {size} were asked for", _HINT)
    return payload


def require(holds: bool, what: str) -> None:
    """Raise LinkError unless what the device said fits together."""
    if not holds:
        raise LinkError(f"the device sent what cannot be: {what}", _HINT)


def number(fields: Mapping[str, Value], name: str) -> int:
    """A whole number of an answer."""
    value = fields[name]
    assert isinstance(value, int)
    return value
