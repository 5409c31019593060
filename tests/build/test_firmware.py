"""The flashed image in the simulator: start-up, protocol corners, faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from elftools.elf.elffile import ELFFile
from tinydeploy import boards, simulate
from tinydeploy.abi import protocol
from tinydeploy.errors import DeviceFaultError
from tinydeploy.link.client import Device
from tinydeploy.link.frame import Decoder, Frame, encode
from tinydeploy.link.process import ProcessTransport
from tinydeploy.link.symbols import symbolizer
from tinydeploy.stages.build import Image

MakeImage = Callable[..., Image]
Command, Status = protocol.Command, protocol.Status
SESSION = 77
BOARDS = ("nano33", "sparkfun_edge", "host")


def connect(board_id: str, elf: Path, **options: Any) -> Any:
    if board_id == "host":
        return ProcessTransport(elf)
    return simulate.open(boards.load(board_id), elf, simulate.Options(**options))


@pytest.fixture(params=BOARDS)
def wire(request: pytest.FixtureRequest, make_image: MakeImage) -> Iterator[Wire]:
    transport = connect(request.param, make_image(request.param).elf)
    wire = Wire(transport)
    wire.ask(Command.HELLO, protocol.HelloRequest.pack(abi_hash=0, protocol_version=0))
    yield wire
    transport.close()


class Wire:
    """Frames in and out, without the client's care."""

    def __init__(self, transport: Any) -> None:
        self._transport = transport
        self._decoder = Decoder()
        self._sequence = 0

    def send(self, *frames: Frame) -> None:
        self._transport.write(b"".join(map(encode, frames)))

    def receive(self, count: int) -> list[Frame]:
        """The next `count` frames, READY apart."""
        frames: list[Frame] = []
        while len(frames) < count:
            data = self._transport.read(5.0)
            assert data, f"{count - len(frames)} frames are missing"
            found = [item for item in self._decoder.feed(data) if isinstance(item, Frame)]
            frames += [frame for frame in found if frame.type != Command.READY]
        return frames

    def ask(self, command: int, payload: bytes = b"", session: int = SESSION) -> Frame:
        self._sequence += 1
        self.send(Frame(command, self._sequence, session, payload))
        (reply,) = self.receive(1)
        assert (reply.type, reply.sequence) == (command | protocol.REPLY, self._sequence)
        return reply


@pytest.mark.parametrize(
    ("board_id", "toolchain"),
    [
        *((board, "zig") for board in BOARDS),
        *((board, "gcc") for board in ("nano33", "sparkfun_edge")),
        pytest.param("host", "gcc", marks=pytest.mark.slow),
    ],
)
def test_image_boots_and_says_what_it_is(
    make_image: MakeImage, board_id: str, toolchain: str
) -> None:
    image = make_image(board_id, toolchain)
    device = Device(connect(board_id, image.elf))
    me = device.hello()
    assert (me.board, me.engine, me.op_count) == (board_id, "interpreter", 3)
    assert me.has_model
    assert image.build_id.startswith(me.build_id)
    assert me.cpu_hz == boards.load(board_id).cpu_hz
    device.close()


def test_firmware_counts_its_memory_as_the_elf_does(make_image: MakeImage) -> None:
    image = make_image("nano33")
    device = Device(simulate.open(boards.load("nano33"), image.elf))
    device.hello()
    memory = device.memory()
    assert memory["static_bytes"] == image.ram_bytes
    assert memory["stack_bytes"] == image.sizes.stack_bytes
    assert memory["arena_bytes"] == image.sizes.arena_bytes
    assert 100 < memory["stack_used_bytes"] < memory["stack_bytes"]


@pytest.mark.parametrize("options", [{"bootloader": "B"}, {"fast_uart": False}], ids=str)
def test_nano_starts_from_either_bootloader_and_at_the_real_bit_rate(
    make_image: MakeImage, options: dict[str, Any]
) -> None:
    device = Device(simulate.open(boards.load("nano33"), make_image("nano33").elf, simulate.Options(**options)))
    device.hello()
    data = bytes(range(256)) * 2
    assert device.echo(data) == data
    assert device.status()["overruns"] == 0


def test_restart_starts_anew(make_image: MakeImage) -> None:
    device = Device(simulate.open(boards.load("nano33"), make_image("nano33").elf))
    device.hello()
    device.load_input(0, b"\1")
    device.invoke()
    device.reset()
    device.hello()
    status = device.status()
    assert status["invokes"] == 0
    assert status["reset_reason"] == 4  # RESETREAS: by software


def test_frames_without_a_session_are_refused(wire: Wire) -> None:
    assert wire.ask(Command.STATUS, session=SESSION + 1).status == Status.NO_SESSION
    assert wire.ask(Command.STATUS, session=0).status == Status.NO_SESSION
    assert wire.ask(Command.STATUS).status == Status.OK


def test_wrong_requests_are_refused(wire: Wire) -> None:
    def read(kind: int, index: int, offset: int, length: int) -> int:
        request = protocol.ReadRequest.pack(kind=kind, index=index, offset=offset, bytes=length)
        return wire.ask(Command.READ, request).status

    assert wire.ask(0x3F).status == Status.UNKNOWN_COMMAND
    assert wire.ask(Command.READ, b"abc").status == Status.BAD_LENGTH
    assert read(0, 0, 0, 1) == Status.OK
    assert read(0, 1, 0, 1) == Status.BAD_INDEX
    assert read(9, 0, 0, 1) == Status.BAD_INDEX
    assert read(0, 0, 1, 1) == Status.OUT_OF_RANGE
    assert read(0, 0, 0xFFFFFFFF, 2) == Status.OUT_OF_RANGE  # the sum wraps to 1
    assert read(2, 0xFFFF, 0, 1) == Status.BAD_INDEX
    load = protocol.LoadRequest.pack(index=0, offset=1)
    assert wire.ask(Command.LOAD_INPUT, load + b"x").status == Status.OUT_OF_RANGE
    beyond = protocol.InvokeRequest.pack(first_op=2, op_count=2)
    assert wire.ask(Command.INVOKE, beyond).status == Status.BAD_INDEX
    assert wire.ask(Command.RESET, protocol.ResetRequest.pack(kind=9)).status == Status.UNSUPPORTED


def test_a_repeated_invoke_is_answered_but_not_run_again(wire: Wire) -> None:
    request = Frame(
        Command.INVOKE, 500, SESSION, protocol.InvokeRequest.pack(op_count=protocol.ALL_OPS)
    )
    answers = []
    for _ in range(3):
        wire.send(request)
        answers += wire.receive(1)
    assert answers[0] == answers[1] == answers[2]
    status = protocol.StatusReply.unpack(wire.ask(Command.STATUS).payload)
    assert status["invokes"] == 1


def test_a_busy_device_answers_between_operators(wire: Wire) -> None:
    invoke = protocol.InvokeRequest.pack(op_count=protocol.ALL_OPS)
    wire.send(
        Frame(Command.INVOKE, 600, SESSION, invoke),
        Frame(Command.STATUS, 601, SESSION),
        Frame(Command.INVOKE, 600, SESSION, invoke),  # a repetition: no answer of its own
        Frame(Command.MEMORY, 602, SESSION),
    )
    status, memory, done = wire.receive(3)
    assert protocol.StatusReply.unpack(status.payload)["state"] == protocol.State.INVOKING
    assert (memory.sequence, memory.status) == (602, Status.BUSY)
    assert (done.sequence, done.status) == (600, Status.OK)


def test_dropped_frames_are_reported_with_the_reason(wire: Wire) -> None:
    wire.send(Frame(Command.ECHO, 9, SESSION, b"\1" * 600))
    (nak,) = wire.receive(1)
    assert (nak.type, nak.status) == (Command.NAK, protocol.NakReason.LENGTH)


def test_a_model_that_does_not_fit_its_arena_is_explained(make_image: MakeImage) -> None:
    lines: list[str] = []
    image = make_image("nano33", arena_bytes=256)
    device = Device(simulate.open(boards.load("nano33"), image.elf), log=lines.append)
    assert not device.hello().has_model
    assert "arena of 256 bytes is too small" in device.diagnose()
    assert any("arena of 256 bytes is too small" in line for line in lines)  # for a serial monitor
    assert device.memory()["arena_used_bytes"] > 256
    with pytest.raises(DeviceFaultError, match="refused"):
        device.invoke()


# Thumb code that replaces an operator's first instructions.
FAULTS = {
    "UsageFault (undefined instruction)": bytes.fromhex("00de"),  # udf #0
    "address 0x60000000, out of bounds": bytes.fromhex(
        "4ff0c040 0168"  # mov.w r0, #0x60000000; ldr r1, [r0]
    ),
    "address 0x00000000, out of bounds, as of a null pointer": bytes.fromhex(
        "0020 0168"  # movs r0, #0; ldr r1, [r0]
    ),
    "out of bounds: the bootloader's": bytes.fromhex(
        "4ff48050 0168"  # mov.w r0, #0x1000; ldr r1, [r0]
    ),
    "flash: read and executed, never written": bytes.fromhex("7846 0160"),  # mov r0, pc; str r1, [r0]
    "RAM: read and written, never executed": bytes.fromhex(
        "6846 0130 8047"  # mov r0, sp; adds r0, #1; blx r0
    ),
    "below the stack, which has run over": bytes.fromhex("f0b5 fff7fdff"),  # push {r4-r7, lr}; bl
}


@pytest.mark.parametrize("text", FAULTS)
@pytest.mark.parametrize("board_id", ["nano33", "sparkfun_edge"])
def test_faults_are_reported_until_a_reset(
    make_image: MakeImage, tmp_path: Path, board_id: str, text: str
) -> None:
    elf = make_image(board_id).elf
    broken = with_code(elf, "EvalFullyConnectedInt8", FAULTS[text], tmp_path / "broken.elf")
    device = Device(
        simulate.open(boards.load(board_id), broken, simulate.Options(strict=False)), symbolize=symbolizer(elf)
    )
    device.hello()
    for request in (device.invoke, device.status, device.hello):
        with pytest.raises(DeviceFaultError) as caught:
            request()
        assert text in caught.value.message
        assert "during operator 0" in caught.value.message
    device.reset()
    assert device.hello().has_model


def with_code(elf: Path, function: str, code: bytes, out: Path) -> Path:
    """A copy of `elf` in which `function` begins with `code`."""
    data = bytearray(elf.read_bytes())
    with elf.open("rb") as stream:
        parsed = ELFFile(stream)
        symbols = parsed.get_section_by_name(".symtab").iter_symbols()
        address = next(s["st_value"] & ~1 for s in symbols if function in s.name)
        segment = next(
            s
            for s in parsed.iter_segments("PT_LOAD")
            if s["p_vaddr"] <= address < s["p_vaddr"] + s["p_filesz"]
        )
        start = segment["p_offset"] + address - segment["p_vaddr"]
    data[start : start + len(code)] = code
    out.write_bytes(data)
    return out
