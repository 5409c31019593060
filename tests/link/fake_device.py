"""A device in Python that follows the protocol, and a line that spoils it on request."""

from __future__ import annotations

import random
from collections.abc import Callable

from tinydeploy.abi import declared, protocol
from tinydeploy.abi.layout import Struct, Value
from tinydeploy.link.frame import Decoder, Frame, encode

Command, Status = protocol.Command, protocol.Status


class FakeDevice:
    """Adds 1 to each input byte. Counts how often the model really ran."""

    description = "fake device"

    def __init__(self, input_bytes: int = 700, spoil: Callable[[bytes], bytes] = bytes) -> None:
        self.input = bytearray(input_bytes)
        self.output = bytes(input_bytes)
        self.runs = 0
        self.busy_probes = 0  # STATUS requests to answer with INVOKING before the answer comes
        self.abi_hash = declared.ABI_HASH
        self._spoil = spoil
        self._decoder = Decoder()
        self._out = bytearray()
        self._session = 0
        self._last_invoke: tuple[int, bytes] | None = None
        self._withheld = b""

    def write(self, data: bytes) -> None:
        """Take the host's bytes through the spoiled line."""
        for item in self._decoder.feed(self._spoil(data)):
            if isinstance(item, Frame):
                self._handle(item)
            else:
                self.say(Frame(Command.NAK, 0, self._session, status=protocol.NakReason.CRC))

    def read(self, timeout_s: float) -> bytes:
        """All that is pending; silence is instant."""
        data, self._out = bytes(self._out), bytearray()
        return data

    def close(self) -> None:
        """Nothing to give back."""

    def say(self, frame: Frame) -> None:
        """Send a frame through the spoiled line."""
        self._out += self._spoil(encode(frame))

    def say_raw(self, data: bytes) -> None:
        """Send bytes that are no frame."""
        self._out += data

    def _handle(self, frame: Frame) -> None:
        if frame.type == Command.HELLO:
            self._session = frame.session
            self._last_invoke = None
        handler = self._handlers().get(frame.type)
        if handler is None:
            return self._answer(frame, b"", Status.UNKNOWN_COMMAND)
        payload = handler(frame)
        if payload is not None:
            self._answer(frame, payload)
        if frame.type == Command.STATUS and self._withheld and self.busy_probes == 0:
            self._out += self._withheld
            self._withheld = b""
        return None

    def _handlers(self) -> dict[int, Callable[[Frame], bytes | None]]:
        return {
            Command.HELLO: self._hello,
            Command.STATUS: self._status,
            Command.LOAD_INPUT: self._load,
            Command.INVOKE: self._invoke,
            Command.READ: self._read,
            Command.ECHO: lambda request: request.payload,
        }

    def _answer(self, request: Frame, payload: bytes, status: int = Status.OK) -> None:
        kind = request.type | protocol.REPLY
        self.say(Frame(kind, request.sequence, request.session, payload, status))

    def _pack(self, layout: Struct, **values: Value) -> bytes:
        """The place where a reply may be spoiled."""
        return layout.pack(**values)

    def _hello(self, _: Frame) -> bytes:
        return self._pack(
            protocol.HelloReply,
            abi_hash=self.abi_hash,
            protocol_version=protocol.PROTOCOL_VERSION,
            max_payload_bytes=protocol.MAX_PAYLOAD_BYTES,
            board="fake",
            engine="python",
            cpu_hz=1_000_000,
            op_count=1,
            input_count=1,
            output_count=1,
        )

    def _status(self, _: Frame) -> bytes:
        busy = self.busy_probes > 0
        self.busy_probes -= busy
        state = protocol.State.INVOKING if busy else protocol.State.IDLE
        return self._pack(protocol.StatusReply, state=state, invokes=self.runs)

    def _load(self, frame: Frame) -> bytes:
        fields = protocol.LoadRequest.unpack(frame.payload)
        offset, data = fields["offset"], frame.payload[protocol.LoadRequest.size :]
        assert isinstance(offset, int)
        self.input[offset : offset + len(data)] = data
        return b""

    def _invoke(self, frame: Frame) -> bytes | None:
        if self._last_invoke and self._last_invoke[0] == frame.sequence:
            return self._last_invoke[1]
        self.runs += 1
        self.output = bytes((value + 1) & 0xFF for value in self.input)
        reply = self._pack(protocol.InvokeReply, cycles=42, ops_run=1)
        self._last_invoke = (frame.sequence, reply)
        if self.busy_probes:
            kind = frame.type | protocol.REPLY
            self._withheld = encode(Frame(kind, frame.sequence, frame.session, reply))
            return None
        return reply

    def _read(self, frame: Frame) -> bytes:
        fields = protocol.ReadRequest.unpack(frame.payload)
        offset, size = fields["offset"], fields["bytes"]
        assert isinstance(offset, int)
        assert isinstance(size, int)
        return self.output[offset : offset + size]


class Spoiler:
    """Drops, flips, duplicates or truncates a write with some probability, from a seed."""

    def __init__(self, seed: int, probability: float) -> None:
        self._random = random.Random(seed)
        self._probability = probability
        self.faults = 0

    def __call__(self, data: bytes) -> bytes:
        """The bytes that arrive at the other end."""
        if self._random.random() >= self._probability:
            return data
        self.faults += 1
        at = self._random.randrange(len(data))
        kind = self._random.choice(["drop", "flip", "duplicate", "truncate", "insert"])
        if kind == "drop":
            return data[:at] + data[at + 1 :]
        if kind == "flip":
            flipped = data[at] ^ (1 << self._random.randrange(8))
            return data[:at] + bytes([flipped]) + data[at + 1 :]
        if kind == "duplicate":
            return data + data
        if kind == "truncate":
            return data[:at]
        return data[:at] + self._random.randbytes(3) + data[at:]
