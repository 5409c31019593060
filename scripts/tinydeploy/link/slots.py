"""The model slots of a device with firmware for hot swap: one function for each request."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass

from tinydeploy.abi import protocol
from tinydeploy.abi.layout import Struct, Value
from tinydeploy.errors import LinkError
from tinydeploy.link.client import Device

Command, Status, SlotState = protocol.Command, protocol.Status, protocol.SlotState
BUILT_IN = protocol.BUILT_IN


@dataclass(frozen=True)
class SlotInfo:
    """What a slot holds.

    Attributes:
        state: of `protocol.SlotState`.
        sequence: of its newest mark; 0 if it has none.
        model_hash: SHA-256 of its .tflite, hexadecimal; "" if it holds no model, nor part of one.
        payload_crc: CRC-32 of model and vectors, as its header states it.
    """

    index: int
    state: int
    sequence: int
    model_bytes: int
    model_hash: str
    vector_count: int
    payload_crc: int


@dataclass(frozen=True)
class Slots:
    """All slots.

    Attributes:
        running: index of the slot whose model runs, or BUILT_IN.
        locked: index of the slot that must not be written, or BUILT_IN.
        newest_sequence: of the newest mark of all slots; 0 if there is none.
        slot_bytes, page_bytes: size of a slot, and of what one erase clears.
    """

    slots: tuple[SlotInfo, ...]
    running: int
    locked: int
    newest_sequence: int
    slot_bytes: int
    page_bytes: int

    @property
    def room_bytes(self) -> int:
        """What a payload may take: a slot without its first page."""
        return self.slot_bytes - self.page_bytes

    def writable(self) -> SlotInfo:
        """The slot to put the next model into: one whose model never ran, else the oldest."""
        free = (slot for slot in self.slots if slot.index != self.locked)
        return min(free, key=lambda slot: slot.sequence)


@dataclass(frozen=True)
class Trial:
    """How the device found a slot's model.

    Attributes:
        outcome: of `protocol.Status`; `reason` is it in words.
        vectors: self-test vectors answered correctly.
        arena_used_bytes: arena as used, or as needed if it was too small.
    """

    outcome: int
    reason: str
    vectors: int
    arena_used_bytes: int


def read(device: Device) -> Slots:
    """What the slots hold.

    Raises:
        DeviceFaultError: the firmware has no slots.
    """
    found, last = [], {}
    index, count = 0, 1
    while index < count:
        reply = device.request(Command.SLOT_INFO, protocol.SlotRequest.pack(slot=index))
        last = _numbers(protocol.SlotInfoReply, reply)
        model_hash = protocol.SlotInfoReply.unpack(reply)["model_hash"]
        assert isinstance(model_hash, bytes)
        found.append(
            SlotInfo(
                index=index,
                state=last["state"],
                sequence=last["sequence"],
                model_bytes=last["model_bytes"],
                model_hash=model_hash.hex() if last["state"] != SlotState.EMPTY else "",
                vector_count=last["vector_count"],
                payload_crc=last["payload_crc"],
            )
        )
        index, count = index + 1, last["slot_count"]
    return Slots(
        slots=tuple(found),
        running=last["running_slot"],
        locked=last["locked_slot"],
        newest_sequence=last["newest_sequence"],
        slot_bytes=last["slot_bytes"],
        page_bytes=last["page_bytes"],
    )


def operators(device: Device) -> frozenset[int]:
    """Builtin codes of the operators that the firmware carries."""
    reply = device.request(Command.OPERATORS)
    return frozenset(struct.unpack(f"<{len(reply) // 2}H", reply))


def erase(device: Device, slot: int, page: int) -> None:
    """Erase one page of a slot."""
    device.request(Command.SLOT_ERASE, protocol.SlotEraseRequest.pack(slot=slot, page=page))


def page_crcs(device: Device, slot: int, first_page: int, page_count: int) -> list[int]:
    """CRC-32 of pages of a slot, as the flash reads; at most `most_pages()` of them."""
    request = protocol.SlotPagesRequest.pack(
        slot=slot, first_page=first_page, page_count=page_count
    )
    reply = device.request(Command.SLOT_PAGES, request)
    if len(reply) != 4 * page_count:
        raise LinkError(
            f"{len(reply)} bytes of checksums where {4 * page_count} were due",
            "flash the firmware again so that host and device agree",
        )
    return list(struct.unpack(f"<{page_count}I", reply))


def most_pages() -> int:
    """How many pages one SLOT_PAGES takes."""
    return protocol.MAX_PAYLOAD_BYTES // 4


def write(device: Device, slot: int, offset: int, data: bytes) -> None:
    """Write whole words; at most `part_bytes()` of them."""
    request = protocol.SlotWriteRequest.pack(slot=slot, offset=offset)
    device.request(Command.SLOT_WRITE, request + data)


def part_bytes() -> int:
    """Largest part that one SLOT_WRITE takes."""
    return (protocol.MAX_PAYLOAD_BYTES - protocol.SlotWriteRequest.size) // 4 * 4


def verify(device: Device, slot: int) -> Trial:
    """Let the device try the slot's model on its self-test vectors."""
    reply = device.request(Command.SLOT_VERIFY, protocol.SlotRequest.pack(slot=slot))
    fields = _numbers(protocol.SlotVerifyReply, reply)
    message = str(protocol.SlotVerifyReply.unpack(reply)["message"])
    reason = Status.text(fields["outcome"])
    if message:
        where = f"operator {fields['op_index']}: "
        reason += f": {where if fields['op_index'] != protocol.ALL_OPS else ''}{message}"
    return Trial(fields["outcome"], reason, fields["vectors"], fields["arena_used_bytes"])


def activate(device: Device, slot: int) -> None:
    """Run the model of a slot that was verified."""
    device.request(Command.SLOT_ACTIVATE, protocol.SlotRequest.pack(slot=slot))


def rollback(device: Device, newest_sequence: int) -> None:
    """Run what ran before the mark of this sequence number."""
    request = protocol.SlotRollbackRequest.pack(newest_sequence=newest_sequence)
    device.request(Command.SLOT_ROLLBACK, request)


def _numbers(layout: Struct, payload: bytes) -> dict[str, int]:
    """The fields that are numbers."""
    try:
        fields: Mapping[str, Value] = layout.unpack(payload)
    except struct.error as error:
        raise LinkError(
            f"a {layout.name} of {len(payload)} bytes where {layout.size} were due",
            "flash the firmware again so that host and device agree",
        ) from error
    return {name: value for name, value in fields.items() if isinstance(value, int)}
