"""The model slots of a device with firmware for hot swap: one function for each request."""

from __future__ import annotations

import struct
from dataclasses import dataclass

from tinydeploy.abi import protocol, slot_protocol
from tinydeploy.link import reply
from tinydeploy.link.client import Device

Command, Status, SlotState = protocol.Command, protocol.Status, slot_protocol.SlotState
BUILT_IN = slot_protocol.BUILT_IN


@dataclass(frozen=True)
class SlotInfo:
    """What a slot holds.

    Attributes:
        state: of `slot_protocol.SlotState`.
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
        return min(free, key=lambda slot: (slot.sequence != 0, self._age_first(slot.sequence)))

    def _age_first(self, sequence: int) -> int:
        """Orders numbers of marks, which wrap from 2^32 - 1 to 1, from the oldest on."""
        return (sequence - self.newest_sequence - 1) & 0xFFFFFFFF


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
    found, last = [], _info(device, 0)[0]
    count = last["slot_count"]
    for index in range(count):
        last, model_hash = _info(device, index)
        _require_sound(last, count)
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
    return Slots(
        slots=tuple(found),
        running=last["running_slot"],
        locked=last["locked_slot"],
        newest_sequence=last["newest_sequence"],
        slot_bytes=last["slot_bytes"],
        page_bytes=last["page_bytes"],
    )


def _info(device: Device, index: int) -> tuple[dict[str, int], bytes]:
    """Numbers and model hash of a slot."""
    answer = device.request(Command.SLOT_INFO, slot_protocol.SlotRequest.pack(slot=index))
    model_hash = reply.unpack(slot_protocol.SlotInfoReply, answer)["model_hash"]
    assert isinstance(model_hash, bytes)
    return reply.numbers(slot_protocol.SlotInfoReply, answer), model_hash


def _require_sound(info: dict[str, int], count: int) -> None:
    page, size = info["page_bytes"], info["slot_bytes"]
    reply.require(info["slot_count"] == count, "a number of slots that changes")
    reply.require(page & page - 1 == 0, f"pages of {page:,} bytes")
    reply.require(
        size % page == 0 and 2 * page <= size <= slot_protocol.MOST_PAGES * page,
        f"slots of {size:,} bytes in pages of {page:,}",
    )
    for name in ("running_slot", "locked_slot"):
        known = info[name] < count or info[name] == BUILT_IN
        reply.require(known, f"{name} is {info[name]} of {count}")
    reply.require(info["model_bytes"] <= size, f"a model of {info['model_bytes']:,} bytes in it")


def operators(device: Device) -> frozenset[int]:
    """Builtin codes of the operators that the firmware carries."""
    answer = device.request(Command.OPERATORS)
    reply.require(len(answer) % 2 == 0, f"operators in {len(answer)} bytes")
    return frozenset(struct.unpack(f"<{len(answer) // 2}H", answer))


def erase(device: Device, slot: int, page: int) -> None:
    """Erase one page of a slot."""
    device.request(Command.SLOT_ERASE, slot_protocol.SlotEraseRequest.pack(slot=slot, page=page))


def page_crcs(device: Device, slot: int, first_page: int, page_count: int) -> list[int]:
    """CRC-32 of pages of a slot, as the flash reads; at most `most_pages()` of them."""
    request = slot_protocol.SlotPagesRequest.pack(
        slot=slot, first_page=first_page, page_count=page_count
    )
    answer = reply.exactly(device.request(Command.SLOT_PAGES, request), 4 * page_count)
    return list(struct.unpack(f"<{page_count}I", answer))


def most_pages() -> int:
    """How many pages one SLOT_PAGES takes."""
    return protocol.MAX_PAYLOAD_BYTES // 4


def write(device: Device, slot: int, offset: int, data: bytes) -> None:
    """Write whole words; at most `part_bytes()` of them."""
    request = slot_protocol.SlotWriteRequest.pack(slot=slot, offset=offset)
    device.request(Command.SLOT_WRITE, request + data)


def part_bytes() -> int:
    """Largest part that one SLOT_WRITE takes."""
    return (protocol.MAX_PAYLOAD_BYTES - slot_protocol.SlotWriteRequest.size) // 4 * 4


def verify(device: Device, slot: int) -> Trial:
    """Let the device try the slot's model on its self-test vectors."""
    answer = device.request(Command.SLOT_VERIFY, slot_protocol.SlotRequest.pack(slot=slot))
    fields = reply.numbers(slot_protocol.SlotVerifyReply, answer)
    message = str(reply.unpack(slot_protocol.SlotVerifyReply, answer)["message"])
    reason = Status.text(fields["outcome"])
    if message:
        where = f"operator {fields['op_index']}: "
        reason += f": {where if fields['op_index'] != protocol.ALL_OPS else ''}{message}"
    return Trial(fields["outcome"], reason, fields["vectors"], fields["arena_used_bytes"])


def activate(device: Device, slot: int) -> None:
    """Run the model of a slot that was verified."""
    device.request(Command.SLOT_ACTIVATE, slot_protocol.SlotRequest.pack(slot=slot))


def rollback(device: Device, newest_sequence: int) -> None:
    """Run what ran before the mark of this sequence number."""
    request = slot_protocol.SlotRollbackRequest.pack(newest_sequence=newest_sequence)
    device.request(Command.SLOT_ROLLBACK, request)
