"""The firmware's framing, compiled for this PC, against the host's own."""

from __future__ import annotations

import random
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from tinydeploy import tools
from tinydeploy.abi import protocol
from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.link.frame import Decoder, Frame, encode
from tinydeploy.stages.build import platformio_environment

HERE = Path(__file__).parent
Exchange = Callable[[bytes], "list[Frame]"]
NakReason = protocol.NakReason


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built with sanitizers, by the system's compiler if there is one (Zig takes longer)."""
    compiler = [str(found)] if (found := tools.find("g++")) else _zig()
    out = tmp_path_factory.mktemp("link") / "link_echo"
    sources = [HERE / "link_echo.cpp", *sorted((FIRMWARE_DIR / "link").glob("*code.cpp"))]
    flags = ["-std=c++17", "-O1", "-fsanitize=undefined", "-fno-sanitize-recover=undefined"]
    tools.run(
        [
            *compiler,
            *flags,
            "-I",
            FIRMWARE_DIR,
            *sources,
            FIRMWARE_DIR / "link/crc32.cpp",
            "-o",
            out,
        ],
        what="compiling the link code for this PC",
        env=platformio_environment(),
    )
    return out


def _zig() -> list[str]:
    cache_dir().mkdir(parents=True, exist_ok=True)
    return tools.python_module_argv("ziglang", "c++")


@pytest.fixture
def exchange(program: Path) -> Exchange:
    """Sends bytes through the firmware's decoder and encoder; the frames that come back."""

    def run(data: bytes) -> list[Frame]:
        process = tools.start_piped([program], what="the link code")
        output, errors = process.communicate(data)
        assert process.returncode == 0, errors.decode()
        frames = list(Decoder().feed(output))
        assert all(isinstance(frame, Frame) for frame in frames), frames
        return [frame for frame in frames if isinstance(frame, Frame)]

    return run


def naks(frames: list[Frame]) -> list[int]:
    assert all(frame.type == protocol.Command.NAK for frame in frames)
    return [frame.status for frame in frames]


def test_crc_of_the_well_known_text(program: Path) -> None:
    assert tools.run([program, "123456789"], what="the CRC").stdout.strip() == "cbf43926"


@pytest.mark.parametrize("text", ["a", "\x7f\x01", "tinydeploy" * 20])
def test_crc_is_zlib(program: Path, text: str) -> None:
    expected = f"{zlib.crc32(text.encode()):08x}"
    assert tools.run([program, text], what="the CRC").stdout.strip() == expected


# COBS has its corners where runs without a zero are 254 long, and at zeros at either end.
@pytest.mark.parametrize(
    "payload",
    [
        *(b"", b"\0", b"\0\0\0", b"\1", b"\xff" * 242, b"\1" * 253, b"\1" * 254, b"\1" * 255),
        *(b"\0" * 512, b"\xff" * 512, b"\0" + b"\2" * 254, b"\2" * 254 + b"\0"),
        bytes(range(256)) * 2,
    ],
    ids=lambda payload: f"{len(payload)}x{payload[:1].hex()}",
)
def test_frames_survive_the_way_there_and_back(exchange: Exchange, payload: bytes) -> None:
    frame = Frame(protocol.Command.ECHO, 0x1234, 0x0100, payload)
    assert exchange(encode(frame)) == [frame]


def test_random_frames_in_a_row(exchange: Exchange) -> None:
    source = random.Random(7)
    frames = [
        Frame(
            source.choice([protocol.Command.HELLO, protocol.Command.READ, 0x86]),
            source.randrange(1 << 16),
            source.randrange(1 << 16),
            bytes(source.choices(range(source.choice((2, 256))), k=source.randrange(513))),
            source.randrange(256),
        )
        for _ in range(300)
    ]
    assert exchange(b"".join(map(encode, frames))) == frames


def test_every_single_flipped_bit_is_seen(exchange: Exchange) -> None:
    """A flip may make or remove a delimiter, so there may be two drops; never a frame."""
    good = encode(Frame(protocol.Command.READ, 7, 9, b"\0payload\0"))
    for position in range(1, len(good) - 1):
        for bit in range(8):
            bad = bytearray(good)
            bad[position] ^= 1 << bit
            assert naks(exchange(bytes(bad)))


def test_each_reason_for_dropping(exchange: Exchange) -> None:
    good = encode(Frame(protocol.Command.READ, 7, 9, b"abc"))
    assert naks(exchange(good[:-5] + b"\0")) == [NakReason.COBS]
    assert naks(exchange(b"\x03ab\0")) == [NakReason.LENGTH]
    assert naks(exchange(encode(Frame(1, 7, 9, b"\1" * 513)))) == [NakReason.LENGTH]
    flipped = good.replace(b"abc", b"abd")
    assert naks(exchange(flipped)) == [NakReason.CRC]


def test_a_good_frame_after_rubbish_is_taken(exchange: Exchange) -> None:
    good = Frame(protocol.Command.ECHO, 1, 2, b"x")
    rubbish = bytes(range(1, 256)) * 20
    *dropped, last = exchange(rubbish + encode(good) + encode(good)[:7])
    assert naks(dropped) == [NakReason.LENGTH]
    assert last == good
