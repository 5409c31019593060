"""The device client: requests, retries, and telling a slow device from a wedged one.

Every request may be repeated without harm: loads and reads are idempotent, and the firmware runs an
INVOKE with the sequence number of the last one only once. So a lost, corrupted, duplicated or
truncated frame, in either direction, costs a retry and never a wrong result.
"""

from __future__ import annotations

import secrets
import struct
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from tinydeploy import boards, protection
from tinydeploy.abi import declared, protocol
from tinydeploy.abi.layout import Value
from tinydeploy.boards import Board
from tinydeploy.errors import (
    DeviceFaultError,
    DeviceRestartedError,
    DeviceWedgedError,
    LinkError,
    PortError,
)
from tinydeploy.foreign import shown_lines
from tinydeploy.link import fault, reply
from tinydeploy.link.frame import Decoder, Frame, Noise, encode
from tinydeploy.link.identity import Identity, identity_of
from tinydeploy.link.patience import CHANGES_FLASH, Limit, Patience
from tinydeploy.link.transport import Transport

# Bytes that keep coming are no answer: after this long on the clock they count as silence. A
# simulator's clock is another, so this is not the timeout.
BABBLE_S = 3.0

Command, Status, State = protocol.Command, protocol.Status, protocol.State
# Run the model or change flash: as long as it takes.
_SLOW = (Command.INVOKE, Command.SLOT_VERIFY, *CHANGES_FLASH)
# After these the device may be there again, under a new session.
LOST = (PortError, DeviceWedgedError, DeviceRestartedError)


@dataclass
class LinkStats:
    """What the link went through; shown in the report and by the fault bench."""

    requests: int = 0
    retries: int = 0
    naks: int = 0
    noise: int = 0
    stale: int = 0
    bytes_sent: int = 0
    bytes_received: int = 0


@dataclass(frozen=True)
class Invocation:
    """Outcome of an INVOKE: CPU cycles without the link, and operators completed."""

    cycles: int
    ops_run: int


@dataclass(frozen=True)
class RemoteTensor:
    """A tensor as the device sees it; `type` is a TfLiteType.

    `address` is where a debugger finds its data, 0 if the device does not tell.
    """

    type: int
    shape: tuple[int, ...]
    bytes: int
    index: int
    scale: float
    zero_point: int
    address: int


@dataclass
class Device:
    """A device that speaks the protocol, over any transport. Call `hello` first.

    Args:
        transport: where the bytes go.
        patience: timeouts and number of tries.
        log: takes the text lines that the firmware prints between frames.
        symbolize: turns an address of a fault report into words.
        reopen: opens the transport again, waiting up to so many seconds for its port; None where
            it never goes away.

    Raises (every method):
        PortError: the port is gone.
        LinkError: what comes back are not frames of this protocol, or it refuses the request.
        DeviceWedgedError: nothing comes back.
        DeviceRestartedError: the device has restarted meanwhile.
        DeviceFaultError: the firmware reported a CPU fault.
    """

    transport: Transport
    patience: Patience = field(default_factory=Patience)
    log: Callable[[str], None] | None = None
    symbolize: fault.Symbolize = hex
    stats: LinkStats = field(default_factory=LinkStats)
    reopen: Callable[[float], Transport] | None = None

    def __post_init__(self) -> None:
        self._forget()
        self._place = protection.namer(None)
        self._session = 0
        self._sequence = 0
        self._max_payload_bytes = protocol.MAX_PAYLOAD_BYTES

    def hello(self) -> Identity:
        """Open a session and learn who the device is."""
        self._session = secrets.randbelow(0xFFFF) + 1
        self._sequence = secrets.randbelow(0xFFFF)
        answer = self._ask(
            Command.HELLO,
            protocol.HelloRequest.pack(
                abi_hash=declared.ABI_HASH, protocol_version=protocol.PROTOCOL_VERSION
            ),
        )
        identity = identity_of(answer)
        self._max_payload_bytes = identity.max_payload_bytes
        self._place = protection.namer(_board(identity.board))
        return identity

    def reconnect(self) -> Identity:
        """Open the transport again where that can be done, and a session."""
        if self.reopen is not None:
            self.transport.close()
            self.transport = self.reopen(self.patience.reopen_s)
        self._forget()
        return self.hello()

    def _forget(self) -> None:
        """Forget what came before."""
        self._decoder = Decoder()
        self._arrived: deque[Frame] = deque()
        self._last_noise: Noise | None = None

    def status(self) -> Mapping[str, Value]:
        """Fields of `protocol.StatusReply`."""
        return reply.unpack(protocol.StatusReply, self._ask(Command.STATUS))

    def memory(self) -> dict[str, int]:
        """Fields of `protocol.MemoryReply`, bytes."""
        fields = reply.unpack(protocol.MemoryReply, self._ask(Command.MEMORY))
        return {name: reply.number(fields, name) for name in fields}

    def tensor(self, kind: int, index: int) -> RemoteTensor:
        """Shape, type and quantization of a tensor; `kind` is of `protocol.TensorKind`."""
        request = protocol.TensorRequest.pack(kind=kind, index=index)
        fields = reply.unpack(protocol.TensorReply, self._ask(Command.TENSOR, request))
        dims = fields["dims"]
        assert isinstance(dims, tuple)
        scale = fields["scale"]
        assert isinstance(scale, float)
        return RemoteTensor(
            type=reply.number(fields, "type"),
            shape=dims[: reply.number(fields, "rank")],
            bytes=reply.number(fields, "bytes"),
            index=reply.number(fields, "tensor_index"),
            scale=scale,
            zero_point=reply.number(fields, "zero_point"),
            address=reply.number(fields, "address"),
        )

    def load_input(self, index: int, data: bytes) -> None:
        """Write the whole of input `index`."""
        room = self._max_payload_bytes - protocol.LoadRequest.size
        for offset in range(0, len(data), room):
            request = protocol.LoadRequest.pack(index=index, offset=offset)
            self._ask(Command.LOAD_INPUT, request + data[offset : offset + room])

    def invoke(self, first_op: int = 0, op_count: int = protocol.ALL_OPS) -> Invocation:
        """Run the model, or operators [first_op, first_op + op_count)."""
        request = protocol.InvokeRequest.pack(first_op=first_op, op_count=op_count)
        fields = reply.unpack(protocol.InvokeReply, self._ask(Command.INVOKE, request))
        return Invocation(reply.number(fields, "cycles"), reply.number(fields, "ops_run"))

    def read(self, kind: int, index: int, length: int) -> bytes:
        """The first `length` bytes of a tensor."""
        data = b""
        while len(data) < length:
            size = min(length - len(data), self._max_payload_bytes)
            request = protocol.ReadRequest.pack(
                kind=kind, index=index, offset=len(data), bytes=size
            )
            data += reply.exactly(self._ask(Command.READ, request), size)
        return data

    def profile(self, op_count: int) -> list[int]:
        """Cycles of each operator in the last INVOKE."""
        cycles: list[int] = []
        while len(cycles) < op_count:
            size = min(op_count - len(cycles), self._max_payload_bytes // 4)
            request = protocol.ProfileRequest.pack(first_op=len(cycles), op_count=size)
            payload = reply.exactly(self._ask(Command.PROFILE, request), 4 * size)
            cycles += struct.unpack(f"<{size}I", payload)
        return cycles

    def diagnose(self) -> str:
        """Why the firmware refused its model, in words; empty when it did not."""
        fields = reply.unpack(protocol.DiagnoseReply, self._ask(Command.DIAGNOSE))
        message, op_index = str(fields["message"]), reply.number(fields, "op_index")
        return message if op_index == protocol.ALL_OPS else f"operator {op_index}: {message}"

    def echo(self, data: bytes) -> bytes:
        """Send `data` (at most one payload) there and back."""
        return self._ask(Command.ECHO, data)

    def reset(self, kind: int = protocol.ResetKind.RESTART) -> None:
        """Restart the firmware or enter the bootloader: the session ends; or see `reset_state`."""
        self._ask(Command.RESET, protocol.ResetRequest.pack(kind=kind))

    def reset_state(self) -> None:
        """Let the model forget what it keeps from one inference to the next."""
        self.reset(protocol.ResetKind.STATE)

    def close(self) -> None:
        """Close the transport."""
        self.transport.close()

    def request(self, command: int, payload: bytes = b"") -> bytes:
        """Send any request; the payload of its answer."""
        return self._ask(command, payload)

    def _ask(self, command: int, payload: bytes = b"") -> bytes:
        """Send a request until it is answered; the payload of the answer."""
        self._sequence = (self._sequence + 1) & 0xFFFF
        request = Frame(command, self._sequence, self._session, payload)
        self.stats.requests += 1
        longest_s = self.patience.longest_of(command)
        limit = Limit(longest_s, self.patience.reply_s)
        for attempt in range(self.patience.tries):
            self.stats.retries += attempt > 0
            self._send(request)
            is_slow = command in _SLOW
            wait_s = self.patience.invoke_s if is_slow else self.patience.reply_s
            answer = self._await(request, wait_s)
            if answer is None and is_slow:
                answer = self._await_slow(request, limit)
            if answer is not None:
                return _payload(answer)
        raise self._silence(command)

    def _await_slow(self, request: Frame, limit: Limit) -> Frame | None:
        """Wait for an inference as long as the device shows signs of life, up to a limit.

        Returns None when the device turns out to be idle: then request or answer was lost.
        """
        while limit.goes_on():
            answer = self._probe(request)
            if answer.sequence == request.sequence:
                return answer
            state = reply.number(reply.unpack(protocol.StatusReply, _payload(answer)), "state")
            if state != State.INVOKING:
                return None
            late = self._await(request, self.patience.reply_s)
            if late is not None:
                return late
        raise DeviceWedgedError(
            f"{self.transport.description} says for {limit.longest_s:g} s that it is at request "
            f"{request.type:#04x}, and does not come to an end",
            "reset the board; `verify --explain` finds the operator it hangs in",
        )

    def _probe(self, request: Frame) -> Frame:
        """Ask for STATUS until that or `request` is answered."""
        for _ in range(self.patience.tries):
            self._sequence = (self._sequence + 1) & 0xFFFF
            probe = Frame(Command.STATUS, self._sequence, self._session)
            self._send(probe)
            answer = self._await(request, self.patience.wedged_s / self.patience.tries, probe)
            if answer is not None:
                return answer
        raise DeviceWedgedError(
            f"{self.transport.description}: no sign of life for {self.patience.wedged_s:g} s "
            "during an inference",
            "reset the board; `verify --explain` finds the operator it hangs in",
        )

    def _send(self, frame: Frame) -> None:
        data = encode(frame)
        self.stats.bytes_sent += len(data)
        self.transport.write(data)

    def _await(self, request: Frame, timeout_s: float, probe: Frame | None = None) -> Frame | None:
        """The answer to `request`, or to `probe`; None after silence or a NAK."""
        give_up = time.monotonic() + max(timeout_s, BABBLE_S)
        while True:
            while self._arrived:
                frame = self._arrived.popleft()
                if _answers(frame, request) or (probe and _answers(frame, probe)):
                    return frame
                if self._is_event(frame):
                    return None
            data = self.transport.read(timeout_s) if time.monotonic() < give_up else b""
            if not data:
                return None
            self._receive(data)

    def _receive(self, data: bytes) -> None:
        self.stats.bytes_received += len(data)
        for item in self._decoder.feed(data):
            if isinstance(item, Frame):
                self._arrived.append(item)
                continue
            if item.text is not None and self.log is not None:
                self.log(shown_lines(item.text))
            self.stats.noise += item.text is None
            self._last_noise = item

    def _is_event(self, frame: Frame) -> bool:
        """Handle a frame that is not the answer; True when the request must be sent again."""
        if frame.type == Command.FAULT:
            report = reply.unpack(protocol.FaultReport, frame.payload)
            what = fault.describe(report, self.symbolize, self._place)
            raise DeviceFaultError(
                f"the firmware stopped with a {what}",
                "reset the board; if it comes back with the same model, report it as a bug",
            )
        if frame.type == Command.NAK:
            self.stats.naks += 1
            return True
        self.stats.stale += frame.type != Command.READY
        return False

    def _silence(self, command: int) -> LinkError | DeviceWedgedError:
        what = self.transport.description
        if self._last_noise is not None:
            seen = self._last_noise.text or self._last_noise.data[:16].hex(" ")
            return LinkError(
                f"{what} answers, but not with frames of tinydeploy ({self._last_noise.reason}: "
                f"{seen.strip()[:60]!r})",
                "check the baud rate, and that the board runs firmware of this version (flash it)",
            )
        waited_s = self.patience.tries * self.patience.reply_s
        return DeviceWedgedError(
            f"{what} does not answer request {command:#04x} ({waited_s:g} s, "
            f"{self.patience.tries} tries)",
            "reset the board, check the cable, and that tinydeploy's firmware is on it",
        )


def _answers(frame: Frame, request: Frame) -> bool:
    return (
        frame.type == request.type | protocol.REPLY
        and frame.sequence == request.sequence
        and frame.session == request.session
    )


def _payload(answer: Frame) -> bytes:
    if answer.status == Status.NO_SESSION:
        raise DeviceRestartedError(
            "the device has restarted: it does not know the session any more", "start again"
        )
    if answer.status != Status.OK:
        raise DeviceFaultError(
            f"the device refused request {answer.type & ~protocol.REPLY:#04x}: "
            f"{Status.text(answer.status)}",
            "flash the firmware again so that host and device agree"
            if answer.status == Status.UNKNOWN_COMMAND
            else "`tinydeploy doctor` shows what the device runs",
        )
    return answer.payload


def _board(board_id: str) -> Board | None:
    return boards.load(board_id) if board_id in boards.names() else None
