"""Who answers on a link, from its HELLO."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from tinydeploy.abi import declared, protocol
from tinydeploy.abi.layout import Value
from tinydeploy.errors import LinkError
from tinydeploy.link import reply


@dataclass(frozen=True)
class Identity:
    """Who the device is and what it runs, from its HELLO."""

    board: str
    engine: str
    build_id: str
    model_hash: str
    device_id: str
    cpu_hz: int
    model_bytes: int
    op_count: int
    input_count: int
    output_count: int
    capabilities: int
    max_payload_bytes: int
    has_model: bool

    def can(self, capability: int) -> bool:
        """Whether a bit of `protocol.Capability` is set."""
        return bool(self.capabilities & capability)


def identity_of(payload: bytes) -> Identity:
    """What the answer to HELLO says.

    Raises:
        LinkError: the firmware speaks another protocol.
    """
    # First of all: with another ABI the rest may mean something else.
    abi_hash, version = struct.unpack_from("<IH", payload.ljust(6, b"\0"))
    if abi_hash != declared.ABI_HASH:
        raise LinkError(
            f"the firmware speaks protocol {version} with ABI {abi_hash:08x}, this host "
            f"{declared.ABI_HASH:08x}",
            "flash the board with firmware of this version",
        )
    fields = reply.unpack(protocol.HelloReply, payload)
    return Identity(
        board=str(fields["board"]),
        engine=str(fields["engine"]),
        build_id=_hex(fields, "build_id"),
        model_hash=_hex(fields, "model_hash"),
        device_id=_hex(fields, "device_id"),
        cpu_hz=reply.number(fields, "cpu_hz"),
        model_bytes=reply.number(fields, "model_bytes"),
        op_count=reply.number(fields, "op_count"),
        input_count=reply.number(fields, "input_count"),
        output_count=reply.number(fields, "output_count"),
        capabilities=reply.number(fields, "capabilities"),
        max_payload_bytes=reply.number(fields, "max_payload_bytes"),
        has_model=reply.number(fields, "state") != protocol.State.NO_MODEL,
    )


def _hex(fields: Mapping[str, Value], name: str) -> str:
    value = fields[name]
    assert isinstance(value, bytes)
    return value.hex()
