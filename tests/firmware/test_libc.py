"""memcpy, memmove, memset, memcmp and strlen of the boards' own, on the simulated CPU."""

from __future__ import annotations

import itertools
import random
import shutil

import pytest
from tinydeploy import tools
from tinydeploy.kernel_lab.harness import CORE, FIRMWARE, FLAGS, LINKER_SCRIPT
from tinydeploy.simulate.cpu_harness import CpuHarness

LIBC = FIRMWARE / "chips" / "cortex_m4" / "libc.cpp"
SIZES = (*range(37), 63, 64, 100, 255)
OFFSETS = range(4)
ROOM = 320
GUARD = 8  # bytes before and after that nobody may touch


@pytest.fixture(scope="module", params=["zig", "gcc"])
def libc(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> CpuHarness:
    """The functions alone, so that a call of one that is not there does not link."""
    compiler = ["arm-none-eabi-g++"]
    if request.param == "zig":
        compiler = tools.python_module_argv("ziglang", "c++")
    elif shutil.which(compiler[0]) is None:
        pytest.skip("GNU Arm is not on the PATH")
    folder = tmp_path_factory.mktemp(request.param)
    script, elf = folder / "libc.ld", folder / "libc.elf"
    script.write_text(LINKER_SCRIPT)
    link = ["-nostdlib", "-Wl,--no-gc-sections", "-Wl,-e,memcpy", "-T", str(script)]
    command = [*compiler, *CORE[request.param], *FLAGS, LIBC, *link, "-o", elf]
    tools.run(command, what="building libc.cpp")
    return CpuHarness(elf)


def _random(count: int) -> bytes:
    return random.Random(count).randbytes(count)


@pytest.mark.parametrize("to_offset", OFFSETS)
def test_memcpy(libc: CpuHarness, to_offset: int) -> None:
    source, target = libc.place(_random(ROOM)), libc.place(bytes(ROOM))
    for from_offset, size in itertools.product(OFFSETS, SIZES):
        libc.machine.write(target, b"\xa5" * ROOM)
        to = target + GUARD + to_offset
        assert libc.call("memcpy", to, source + from_offset, size).value == to
        expected = libc.read(source + from_offset, size)
        assert libc.read(to - GUARD, size + 2 * GUARD) == _guarded(expected)


def _guarded(data: bytes) -> bytes:
    return b"\xa5" * GUARD + data + b"\xa5" * GUARD


# Before, on and behind the source, by less than one step of the loop and by more.
@pytest.mark.parametrize("distance", [-40, -17, -16, -5, -4, -1, 0, 1, 3, 4, 15, 16, 17, 40])
def test_memmove_where_they_overlap(libc: CpuHarness, distance: int) -> None:
    start = 64
    at = libc.place(bytes(ROOM + start))
    for offset, size in itertools.product(OFFSETS, SIZES):
        before = bytearray(_random(ROOM + start))
        libc.machine.write(at, bytes(before))
        source = start + offset
        to = at + source + distance
        assert libc.call("memmove", to, at + source, size).value == to
        before[source + distance : source + distance + size] = before[source : source + size]
        assert libc.read(at, len(before)) == before


@pytest.mark.parametrize("value", [0, 0x5A, 0xFF, 0x1234])  # of an int the low byte counts
def test_memset(libc: CpuHarness, value: int) -> None:
    target = libc.place(bytes(ROOM))
    for offset, size in itertools.product(OFFSETS, SIZES):
        libc.machine.write(target, b"\xa5" * ROOM)
        to = target + GUARD + offset
        assert libc.call("memset", to, value, size).value == to
        expected = bytes([value & 0xFF]) * size
        assert libc.read(to - GUARD, size + 2 * GUARD) == _guarded(expected)


def test_the_names_that_clang_calls(libc: CpuHarness) -> None:
    if "__aeabi_memset" not in libc.image.symbols:
        pytest.skip("GCC calls memcpy and memset by their own names")
    target, source = libc.place(bytes(40)), libc.place(_random(40))
    for alignment in ("", "4", "8"):
        libc.call(f"__aeabi_memset{alignment}", target, 40, 7)
        assert libc.read(target, 40) == b"\7" * 40
        libc.call(f"__aeabi_memclr{alignment}", target, 23)
        assert libc.read(target, 40) == bytes(23) + b"\7" * 17
        libc.call(f"__aeabi_memcpy{alignment}", target, source, 40)
        assert libc.read(target, 40) == libc.read(source, 40)
        libc.call(f"__aeabi_memmove{alignment}", target + 8, target, 32)
        assert libc.read(target + 8, 32) == libc.read(source, 32)


def test_memcmp_and_strlen(libc: CpuHarness) -> None:
    a, b = libc.place(b"same\x80\0"), libc.place(b"same\x7f\0")
    assert libc.call("memcmp", a, b, 4).value == 0
    assert libc.call("memcmp", a, b, 5).value == 1  # unsigned: 0x80 after 0x7F
    assert libc.call("memcmp", b, a, 5).value == 0xFFFFFFFF
    assert libc.call("memcmp", a, b, 0).value == 0
    assert libc.call("strlen", a).value == 5
    assert libc.call("strlen", a + 5).value == 0


def test_sixteen_bytes_take_13_cycles_to_copy_and_8_to_fill(libc: CpuHarness) -> None:
    a, b = libc.place(bytes(512)), libc.place(bytes(512))
    sizes = (0, 256, 512)  # the first call may come without a branch from where the CPU was
    _, short, long = (libc.call("memcpy", a, b, size).cycles for size in sizes)
    assert long - short == 13 * 16
    _, short, long = (libc.call("memset", a, 0, size).cycles for size in sizes)
    assert long - short == 8 * 16
