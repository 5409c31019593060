"""Build firmware/dsp apart from any model and call its functions, on this PC and on a simulated M4.

Both sides have one method, `call(name, *arguments)`: numpy arrays are passed by address and hold
what the function wrote when it returns, integers go by value, strings name a
function of the library to be passed as a pointer. The simulated side also counts cycles.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tinydeploy import tools, whole
from tinydeploy.simulate.machine import Machine, Memory
from tinydeploy.simulate.registers import Reg

Toolchain = Literal["zig", "gcc"]

FIRMWARE = Path(__file__).parents[3] / "firmware"
FLAGS = [
    "-std=c++17",
    "-Os",
    "-g",  # Zig strips symbols otherwise
    "-fno-exceptions",
    "-fno-rtti",
    "-ffreestanding",
    "-Wall",
    "-Wextra",
    "-Werror",
]
CHECKED = "-DTINYDEPLOY_CHECK_LIMITS"  # firmware/dsp/within.h
CORE = {
    "zig": ["-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp", "-fhosted"],
    "gcc": ["-mcpu=cortex-m4", "-mthumb", "-mfloat-abi=hard", "-mfpu=fpv4-sp-d16"],
}
CODE_BYTES, DATA, DATA_BYTES = 1 << 20, 0x2000_0000, 4 << 20
STACK_TOP, STACK_BYTES = DATA + DATA_BYTES, 0x8000
STORE_WORD, CPACR = 0x0F00, 0xE000_ED88
LINKER_SCRIPT = (
    "SECTIONS { . = 0x1000; .text : { KEEP ( *(.text .text.*) ) *(.rodata .rodata.*) } "
    "/DISCARD/ : { *(.ARM.exidx*) *(.ARM.extab*) } }"
)


def _sources() -> list[str]:
    shared = FIRMWARE / "kernels" / "common" / "exponential.cpp"
    return [str(path) for path in (*sorted((FIRMWARE / "dsp").glob("*.cpp")), shared)]


def _compiler(toolchain: Toolchain) -> list[str]:
    if toolchain == "gcc":
        return ["arm-none-eabi-g++"]
    return tools.python_module_argv("ziglang", "c++")


def build_host(folder: Path, flags: Sequence[str] = ()) -> Path:
    """A shared library of the portable bodies for this PC."""
    out = folder / "libdsp.so"
    compiler = tools.python_module_argv("ziglang", "c++")
    command = [*compiler, "-shared", "-fPIC", *FLAGS, CHECKED, *flags]
    tools.run([*command, f"-I{FIRMWARE}", *_sources(), "-o", out], what="building the kernels")
    return out


def build_cortex_m4(folder: Path, toolchain: Toolchain = "zig") -> Path:
    """An ELF of all kernels for Cortex-M4, linked at `CODE`."""
    script, out = folder / "kernels.ld", folder / f"kernels_{toolchain}.elf"
    whole.write(script, LINKER_SCRIPT)
    link = ["-nostdlib", "-Wl,--no-gc-sections", "-Wl,-e,0", "-T", str(script)]
    if toolchain == "gcc":
        link.append("-lgcc")
    command = [*_compiler(toolchain), *CORE[toolchain], *FLAGS, "-ffunction-sections"]
    tools.run(
        [*command, f"-I{FIRMWARE}", *_sources(), *link, "-o", out], what="building the kernels"
    )
    return out


class Host:
    """The portable bodies on this PC."""

    def __init__(self, library: Path) -> None:
        self._library = ctypes.CDLL(str(library))

    def call(self, name: str, *arguments: Any) -> int:
        """Call `name`; returns its result as an unsigned word."""
        function = getattr(self._library, name)
        function.restype = ctypes.c_size_t
        return int(function(*(self._argument(value) for value in arguments)))

    def _argument(self, value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.ctypes.data_as(ctypes.c_void_p)
        if isinstance(value, str):
            return ctypes.cast(getattr(self._library, value), ctypes.c_void_p)
        return ctypes.c_int(int(value))


class CortexM4:
    """The Armv7E-M bodies on a simulated core.

    Attributes:
        cycles: of the last call, by the model of simulate/cycles.py.
        stack_bytes: what the last call used of the stack.
        symbols: address and size of every function.
    """

    def __init__(self, elf: Path) -> None:
        from elftools.elf.elffile import ELFFile

        self.cycles = 0
        self.stack_bytes = 0
        self._machine = Machine([Memory(0, CODE_BYTES), Memory(DATA, DATA_BYTES)])
        with elf.open("rb") as file:
            image = ELFFile(file)
            for segment in image.iter_segments("PT_LOAD"):
                self._machine.write(segment["p_vaddr"], segment.data())
            symbols = image.get_section_by_name(".symtab").iter_symbols()
            self.symbols = {s.name: (s["st_value"], s["st_size"]) for s in symbols if s.name}
        self._machine.write(STORE_WORD, bytes.fromhex("0160 7047"))  # str r1, [r0]; bx lr
        self._machine.call(STORE_WORD, CPACR, 0xF << 20, stack=STACK_TOP)

    def call(self, name: str, *arguments: Any) -> int:
        """Call `name`; returns r0."""
        words: list[int] = []
        places: list[tuple[npt.NDArray[Any], int]] = []
        free = DATA
        for value in arguments:
            known = [address for array, address in places if array is value]
            if isinstance(value, str):
                words.append(self.symbols[value][0] | 1)
            elif not isinstance(value, np.ndarray):
                words.append(int(value) & 0xFFFF_FFFF)
            elif known:
                words.append(known[0])
            else:
                self._machine.write(free, value.tobytes())
                places.append((value, free))
                words.append(free)
                free += (value.nbytes + 31) & ~15
        self._run(self.symbols[name][0], words)
        for array, address in places:
            data = self._machine.read(address, array.nbytes)
            array[...] = np.frombuffer(data, array.dtype).reshape(array.shape)
        return self._machine.reg(Reg.R0)

    def _run(self, address: int, words: list[int]) -> None:
        stack = STACK_TOP - 4 * ((len(words[4:]) + 1) & ~1)
        self._machine.write(STACK_TOP - STACK_BYTES, b"\xa5" * STACK_BYTES)
        self._machine.write(stack, np.array(words[4:], "<u4").tobytes())
        before = self._machine.cycles
        self._machine.call(address, *words[:4], stack=stack)
        self.cycles = self._machine.cycles - before
        left = self._machine.read(STACK_TOP - STACK_BYTES, STACK_BYTES)
        untouched = len(left) - len(left.lstrip(b"\xa5"))
        self.stack_bytes = stack - (STACK_TOP - STACK_BYTES) - untouched
