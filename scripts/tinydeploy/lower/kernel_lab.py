"""Build firmware/dsp apart from any model and call its functions, on this PC and on a simulated M4.

Both sides have one method, `call(name, *arguments)`: numpy arrays are passed by address and hold
what the function wrote when it returns, integers go by value, strings name a function of the library
to be passed as a pointer. The simulated side also counts cycles (`.cycles` of the last call).
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from tinydeploy import tools
from tinydeploy.simulate.cycles import Block, BlockCounter, analyse

Argument = "int | str | npt.NDArray[Any]"
Toolchain = Literal["zig", "gcc"]

FIRMWARE = Path(__file__).parents[3] / "firmware"
FLAGS = (
    "-std=c++17 -O2 -fno-exceptions -fno-rtti -ffreestanding -Wall -Wextra -Werror".split()
)
CORE = {
    "zig": "-target thumb-freestanding-eabihf -mcpu=cortex_m4+vfp4d16sp -fhosted".split(),
    "gcc": "-mcpu=cortex-m4 -mthumb -mfloat-abi=hard -mfpu=fpv4-sp-d16".split(),
}
CODE, DATA, STACK_TOP, DATA_BYTES = 0x0000_1000, 0x2000_0000, 0x3000_8000, 4 << 20
RETURN_TO = 0x0000_0F00
LINKER_SCRIPT = (
    "SECTIONS { . = 0x1000; .text : { KEEP ( *(.text .text.*) ) *(.rodata .rodata.*) } "
    "/DISCARD/ : { *(.ARM.exidx*) *(.ARM.extab*) } }"
)


def _sources() -> list[str]:
    return [str(path) for path in sorted((FIRMWARE / "dsp").glob("*.cpp"))]


def _compiler(toolchain: Toolchain) -> list[str]:
    if toolchain == "gcc":
        return ["arm-none-eabi-g++"]
    return tools.python_module_argv("ziglang", "c++")


def build_host(folder: Path, flags: Sequence[str] = ()) -> Path:
    """A shared library of the portable bodies for this PC."""
    out = folder / "libdsp.so"
    command = [*tools.python_module_argv("ziglang", "c++"), "-shared", "-fPIC", *FLAGS, *flags]
    tools.run([*command, f"-I{FIRMWARE}", *_sources(), "-o", out], what="building the kernels")
    return out


def build_cortex_m4(folder: Path, toolchain: Toolchain = "zig") -> Path:
    """An ELF of all kernels for Cortex-M4, linked at `CODE`."""
    script, out = folder / "kernels.ld", folder / f"kernels_{toolchain}.elf"
    script.write_text(LINKER_SCRIPT)
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
        import unicorn
        from elftools.elf.elffile import ELFFile

        self.cycles = 0
        self.stack_bytes = 0
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(unicorn.arm_const.UC_CPU_ARM_CORTEX_M4)
        self._uc.mem_map(0, 1 << 20)
        self._uc.mem_map(DATA, DATA_BYTES)
        self._uc.mem_map(STACK_TOP - 0x8000, 0x8000)
        self._uc.mem_map(0xE000_E000, 0x1000)
        self._uc.mem_write(0xE000_ED88, (0xF << 20).to_bytes(4, "little"))
        self._uc.reg_write(unicorn.arm_const.UC_ARM_REG_FPEXC, 1 << 30)
        with elf.open("rb") as file:
            image = ELFFile(file)
            for segment in image.iter_segments("PT_LOAD"):
                self._uc.mem_write(segment["p_vaddr"], segment.data())
            symbols = image.get_section_by_name(".symtab").iter_symbols()
            self.symbols = {s.name: (s["st_value"], s["st_size"]) for s in symbols if s.name}
        self._counter = BlockCounter(self._uc, self._find_block)
        self._counter.attach()

    def _find_block(self, address: int, size: int) -> Block:
        block = analyse(bytes(self._uc.mem_read(address, size)), address)
        for watch in block.watches:
            self._counter.watch(watch)
        return block

    def call(self, name: str, *arguments: Any) -> int:
        """Call `name`; returns r0."""
        from unicorn import arm_const as arm

        words, arrays, free = [], [], DATA
        for value in arguments:
            if isinstance(value, np.ndarray):
                known = [address for array, address in arrays if array is value]
                if known:
                    words.append(known[0])
                    continue
                self._uc.mem_write(free, value.tobytes())
                arrays.append((value, free))
                words.append(free)
                free += (value.nbytes + 31) & ~15
            elif isinstance(value, str):
                words.append(self.symbols[value][0] | 1)
            else:
                words.append(int(value) & 0xFFFF_FFFF)
        stack = STACK_TOP - 4 * ((len(words[4:]) + 1) & ~1)
        painted = b"\xa5" * 0x8000
        self._uc.mem_write(STACK_TOP - 0x8000, painted)
        self._uc.mem_write(stack, np.array(words[4:], "<u4").tobytes())
        for register, word in zip(range(arm.UC_ARM_REG_R0, arm.UC_ARM_REG_R3 + 1), words):  # noqa: B905
            self._uc.reg_write(register, word)
        self._uc.reg_write(arm.UC_ARM_REG_SP, stack)
        self._uc.reg_write(arm.UC_ARM_REG_LR, RETURN_TO | 1)
        before = self._counter.cycles
        self._uc.emu_start(self.symbols[name][0] | 1, RETURN_TO)
        self.cycles = self._counter.cycles - before
        for array, address in arrays:
            data = bytes(self._uc.mem_read(address, array.nbytes))
            array[...] = np.frombuffer(data, array.dtype).reshape(array.shape)
        left = bytes(self._uc.mem_read(STACK_TOP - 0x8000, 0x8000))
        self.stack_bytes = 0x8000 - (len(left) - len(left.lstrip(b"\xa5"))) - (STACK_TOP - stack)
        return int(self._uc.reg_read(arm.UC_ARM_REG_R0))
