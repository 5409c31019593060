"""Small Thumb programs, built by Zig and run on the simulated core or a simulated board."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path
from typing import Any

import pytest
from tinydeploy import boards, simulate, tools
from tinydeploy.simulate import image as images
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.memory_map import Memory

sys.path.insert(0, str(Path(__file__).parent))

TARGET = ("-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp")
LINKER_SCRIPT = "SECTIONS { . = ORIGIN_; .text : { *(.text .text.*) *(.rodata .rodata.*) } }"
# Handlers that a program does not define end up at `unexpected`.
SYSTEM_HANDLERS = (
    *("nmi", "hard_fault", "mem_manage", "bus_fault", "usage_fault", "0", "0", "0", "0"),
    *("sv_call", "debug_monitor", "0", "pend_sv", "sys_tick"),
)
CHIPS = {"nano33": (0x10000, 0x20040000, 48), "sparkfun_edge": (0xC000, 0x10060000, 32)}


class Lab:
    """Builds programs and starts them. Semicolons separate instructions as line ends do."""

    flash = Memory(0x10000, 0x20000, is_rom=True)
    ram = Memory(0x20000000, 0x10000)
    data = ram.origin
    stack = ram.end

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def build(self, source: str, origin: int, suffix: str = ".s", *flags: str) -> Path:
        """Path of an ELF file made from `source`, linked at `origin`."""
        name = hashlib.sha256(repr((source, origin, suffix, flags)).encode()).hexdigest()[:16]
        code, script, out = (self._folder / (name + end) for end in (suffix, ".ld", ".elf"))
        if not out.exists():
            code.write_text(source)
            script.write_text(LINKER_SCRIPT.replace("ORIGIN_", hex(origin)))
            link = ("-nostdlib", "-Wl,--no-gc-sections", "-Wl,-e,0", "-T", str(script))
            command = ("ziglang", "cc", *TARGET, *flags, str(code), *link, "-o", str(out))
            tools.run(tools.python_module_argv(*command), what="building a test's program")
        return out

    def assemble(self, source: str, origin: int = flash.origin) -> bytes:
        """Machine code of `source`."""
        lines = source.replace(";", "\n")
        text = f".syntax unified\n.thumb\n.text\n{lines}\n.ltorg\n"
        return images.load(self.build(text, origin)).segments[0].data

    def machine(self, source: str = "", **options: Any) -> Machine:
        """A core without peripherals, its FPU on, with `source` at the start of flash."""
        machine = Machine([self.flash, self.ram], **options)
        machine.reset_core()
        machine.scs.enable_fpu()
        if source:
            machine.write(self.flash.origin, self.assemble(source))
        return machine

    def firmware(self, board: str, source: str) -> Path:
        """An image for `board`: a vector table, `reset:` with `source`, and its other handlers.

        A handler of interrupt 15 is called `irq15`; where `source` ends it sleeps at `finish`.
        """
        origin, stack, irqs = CHIPS[board]
        handlers = [*SYSTEM_HANDLERS, *(f"irq{n}" for n in range(irqs))]
        table = "\n".join(f".word {name}" for name in (hex(stack), "reset", *handlers))
        weak = "\n".join(
            f".weak {name}\n.thumb_set {name}, unexpected" for name in handlers if name != "0"
        )
        lines = source.replace(";", "\n")
        text = f"""
.syntax unified
.thumb
.text
{table}
.globl reset, finish, unexpected
{weak}
.thumb_func
unexpected: b unexpected
.thumb_func
finish: wfi
 b finish
.thumb_func
reset:
{lines}
 b finish
.ltorg
"""
        return self.build(text, origin)

    def boot(self, board: str, source: str, **options: Any) -> Any:
        """Start `source` on a simulated board; options as of `simulate.Options`."""
        return simulate.open(
            boards.load(board), self.firmware(board, source), simulate.Options(**options)
        )


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    """The lab, with one folder for all its programs."""
    return Lab(tmp_path_factory.mktemp("thumb"))
