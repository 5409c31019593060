"""A device that follows the protocol, with model slots, and lies in one number."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

from fake_device import FakeDevice
from tinydeploy.abi import declared, protocol, slot_protocol
from tinydeploy.abi.layout import Struct, Value
from tinydeploy.graph.schema import OPERATORS
from tinydeploy.link.frame import Frame, encode

Command, Status, SlotState = protocol.Command, protocol.Status, slot_protocol.SlotState
PAGE_BYTES, SLOT_BYTES, SLOTS = 4096, 16 * 4096, 2
Lie = tuple[str, str, int]  # name of a struct, of its field, what it says there


class LyingDevice(FakeDevice):
    """Takes models as the firmware does; `lie` replaces a number in all its answers."""

    def __init__(self, lie: Lie | None = None, *, never_ends: bool = False) -> None:
        super().__init__(input_bytes=1)
        self.lie = lie
        self.never_ends = never_ends  # says that it computes, and never answers
        self.flash = bytearray(b"\xff" * slot_protocol.MOST_SLOTS * SLOT_BYTES)
        self.running = slot_protocol.BUILT_IN
        self.marks = [0] * slot_protocol.MOST_SLOTS  # as many as it may claim to have

    def _handlers(self) -> dict[int, Callable[[Frame], bytes | None]]:
        unanswered = {Command.INVOKE, Command.SLOT_VERIFY, Command.SLOT_ERASE}
        known: dict[int, Callable[[Frame], bytes | None]] = {
            **super()._handlers(),
            Command.MEMORY: self._memory,
            Command.TENSOR: self._tensor,
            Command.PROFILE: lambda frame: struct.pack("<I", 7) * _halves(frame)[1],
            Command.DIAGNOSE: lambda _: self._pack(protocol.DiagnoseReply, message="x\x1b[2J"),
            Command.RESET: lambda _: b"",
            Command.OPERATORS: lambda _: struct.pack("<300H", *_codes()),
            Command.SLOT_INFO: self._slot_info,
            Command.SLOT_ERASE: self._erase,
            Command.SLOT_WRITE: self._write_slot,
            Command.SLOT_PAGES: self._pages,
            Command.SLOT_VERIFY: self._verify,
            Command.SLOT_ACTIVATE: self._activate,
            Command.SLOT_ROLLBACK: self._roll_back,
        }
        if self.never_ends:
            known |= dict.fromkeys(unanswered, lambda _: None)
        return known

    def _pack(self, layout: Struct, **values: Value) -> bytes:
        packed = bytearray(layout.pack(**values))
        for field, offset in zip(layout.fields, layout.offsets, strict=True):
            if self.lie and self.lie[:2] == (layout.name, field.name):
                number = self.lie[2].to_bytes(8, "little")[: field.alignment]
                packed[offset : offset + field.size] = number * field.count
        return bytes(packed)

    def say(self, frame: Frame) -> None:
        """A lie in the header goes with a checksum that fits it."""
        if self.lie is None or self.lie[0] != "FrameHeader":
            super().say(frame)
            return
        self._out += respelt(frame, self.lie[1], self.lie[2])

    def _hello(self, frame: Frame) -> bytes:
        fields = dict(protocol.HelloReply.unpack(super()._hello(frame)))
        fields["capabilities"] = protocol.Capability.HOT_SWAP
        if self.running != slot_protocol.BUILT_IN:
            header = self.flash[self.running * SLOT_BYTES :][: slot_protocol.SlotHeader.size]
            fields["model_hash"] = slot_protocol.SlotHeader.unpack(bytes(header))["model_hash"]
        return self._pack(protocol.HelloReply, **fields)

    def _status(self, frame: Frame) -> bytes:
        if not self.never_ends:
            return super()._status(frame)
        return self._pack(protocol.StatusReply, state=protocol.State.INVOKING)

    def _memory(self, _: Frame) -> bytes:
        return self._pack(protocol.MemoryReply, arena_bytes=1 << 16, arena_used_bytes=1000)

    def _tensor(self, _: Frame) -> bytes:
        return self._pack(protocol.TensorReply, type=9, rank=1, bytes=1, dims=(1,), scale=0.5)

    def _slot_info(self, frame: Frame) -> bytes:
        slot = _halves(frame)[0]
        content = bytes(self.flash[slot * SLOT_BYTES :][: slot_protocol.SlotHeader.size])
        values: dict[str, Value] = {}
        if content.startswith(b"TDS1"):
            header = slot_protocol.SlotHeader.unpack(content)
            names = ("model_bytes", "vector_count", "payload_crc", "model_hash")
            state = SlotState.ACTIVE if self.marks[slot] else SlotState.WHOLE
            values = {"state": state, **{name: header[name] for name in names}}
        return self._pack(
            slot_protocol.SlotInfoReply,
            slot_count=SLOTS,
            running_slot=self.running,
            locked_slot=self.running,
            newest_sequence=max(self.marks),
            sequence=self.marks[slot],
            slot_bytes=SLOT_BYTES,
            page_bytes=PAGE_BYTES,
            **values,
        )

    def _erase(self, frame: Frame) -> bytes:
        slot, page = _halves(frame)[:2]
        at = slot * SLOT_BYTES + page * PAGE_BYTES
        self.flash[at : at + PAGE_BYTES] = b"\xff" * PAGE_BYTES
        return b""

    def _write_slot(self, frame: Frame) -> bytes:
        slot, _, offset = struct.unpack_from("<HHI", frame.payload)
        data = frame.payload[8:]
        at = slot * SLOT_BYTES + offset
        self.flash[at : at + len(data)] = data
        return b""

    def _pages(self, frame: Frame) -> bytes:
        slot, first, count, _ = _halves(frame)
        base = slot * SLOT_BYTES
        pages = [base + page * PAGE_BYTES for page in range(first, first + count)]
        crcs = [zlib.crc32(bytes(self.flash[at : at + PAGE_BYTES])) for at in pages]
        return struct.pack(f"<{count}I", *crcs)

    def _verify(self, frame: Frame) -> bytes:
        header = bytes(
            self.flash[_halves(frame)[0] * SLOT_BYTES :][: slot_protocol.SlotHeader.size]
        )
        vectors = slot_protocol.SlotHeader.unpack(header)["vector_count"]
        return self._pack(slot_protocol.SlotVerifyReply, vectors=vectors)

    def _activate(self, frame: Frame) -> bytes:
        self.running = _halves(frame)[0]
        self.marks[self.running] = max(self.marks) + 1
        return b""

    def _roll_back(self, _: Frame) -> bytes:
        self.running = slot_protocol.BUILT_IN
        return b""


def respelt(frame: Frame, field: str, number: int) -> bytes:
    """The frame with a number of its header replaced, and a checksum that fits."""
    from cobs import cobs

    raw = bytearray(cobs.decode(encode(frame)[1:-1])[:-4])
    layout = protocol.FrameHeader
    place = dict(zip([f.name for f in layout.fields], layout.offsets, strict=True))[field]
    size = next(f.size for f in layout.fields if f.name == field)
    raw[place : place + size] = number.to_bytes(8, "little")[:size]
    hello = raw[0] & ~protocol.REPLY == Command.HELLO
    crc = zlib.crc32(bytes(raw), 0 if hello else declared.ABI_HASH)
    return b"\0" + bytes(cobs.encode(bytes(raw) + struct.pack("<I", crc))) + b"\0"


def _halves(frame: Frame) -> tuple[int, ...]:
    return struct.unpack(f"<{len(frame.payload) // 2}H", frame.payload)


def _codes() -> list[int]:
    known = sorted(code for code in OPERATORS.values() if code < 1 << 16)
    return (known + [0] * 300)[:300]
