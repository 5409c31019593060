"""All that host and device must declare alike, and the hash that each frame but HELLO carries."""

from __future__ import annotations

from tinydeploy.abi import protocol, slot_protocol
from tinydeploy.abi.layout import abi_hash

ENUMS = (*protocol.ENUMS, *slot_protocol.ENUMS)
STRUCTS = (*protocol.STRUCTS, *slot_protocol.STRUCTS, *protocol.EVENTS)
ABI_HASH = abi_hash(protocol.PROTOCOL_VERSION, (*ENUMS, *STRUCTS))
