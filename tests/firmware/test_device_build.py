"""The runtime compiles for a Cortex-M4 with both toolchains and stays small."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import host_build
import pytest
from elftools.elf.elffile import ELFFile

MAX_BASE_BYTES = 12 * 1024
MAX_STATIC_RAM_BYTES = 64


def _sizes(program: Path) -> tuple[int, int]:
    """Bytes of flash and of static RAM without the 64-byte arena."""
    with program.open("rb") as file:
        loaded = [s for s in ELFFile(file).iter_sections() if s["sh_flags"] & 2 and s["sh_size"]]
        loaded = [s for s in loaded if not s.name.startswith((".ARM", ".eh_frame"))]
        ram = sum(s["sh_size"] for s in loaded if s["sh_flags"] & 1)
        flash = sum(s["sh_size"] for s in loaded if s["sh_type"] != "SHT_NOBITS")
    return flash, ram - 64


@pytest.fixture(scope="module")
def device_objects(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return host_build.compile_device(tmp_path_factory.mktemp("thumb"))


def _link(objects: list[Path], folder: Path, *defines: str) -> Path:
    program = folder / "base.elf"
    command = [*host_build.DEVICE, *host_build.DIALECT, "-Os", *defines, *host_build.INCLUDES]
    command += [str(host_build.HERE / "host" / "base.cpp"), *map(str, objects)]
    command += ["-Wl,-e,Start", "-Wl,--gc-sections", "-o", str(program)]
    subprocess.run(command, check=True)
    return program


def test_base_is_small(device_objects: list[Path], tmp_path: Path) -> None:
    flash, ram = _sizes(_link(device_objects, tmp_path))
    print(f"runtime and TFLM API without kernels: {flash} bytes of flash, {ram} of RAM")
    assert 2_000 < flash < MAX_BASE_BYTES
    assert ram <= MAX_STATIC_RAM_BYTES


def test_an_operator_that_is_not_registered_costs_nothing(
    device_objects: list[Path], tmp_path: Path
) -> None:
    base, _ = _sizes(_link(device_objects, tmp_path))
    reshape, _ = _sizes(_link(device_objects, tmp_path, "-DWITH_OP=AddReshape"))
    conv, _ = _sizes(_link(device_objects, tmp_path, "-DWITH_OP=AddConv2D"))
    print(f"RESHAPE adds {reshape - base} bytes, CONV_2D {conv - base}")
    assert base < reshape < base + 1_000
    assert reshape < conv


def test_gnu_arm_compiles_everything(tmp_path: Path) -> None:
    compiler = shutil.which("arm-none-eabi-g++")
    if compiler is None:
        pytest.skip("arm-none-eabi-g++ is not on the PATH")
    machine = "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16 -fsyntax-only"
    # As firmware/platformio/builder/toolchains.py has it: int32_t means int, as everywhere else.
    words = "-U__INT32_TYPE__ -D__INT32_TYPE__=int -U__UINT32_TYPE__ -D__UINT32_TYPE__=unsigned"
    command = [compiler, *machine.split(), *words.split()]
    host_build.compile_with(command, tmp_path)  # raises what it says
