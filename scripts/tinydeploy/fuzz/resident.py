"""Kernels that stay: one program with all of them, to which each batch of plans is added.

To link the kernels again for every batch, and to let the simulator analyse their code again, took
most of a campaign's time. Here only the plans are compiled, without optimization: all they do is
call.
"""

from __future__ import annotations

import json
import os
import struct
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from tinydeploy import tools, whole
from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.errors import DeviceError
from tinydeploy.fuzz import build, rooms, zones
from tinydeploy.fuzz.plans import GUARD_BYTES, source_of
from tinydeploy.fuzz.runner import Piped, RunnerCrashError
from tinydeploy.kernel_lab import harness
from tinydeploy.lower.emit import cross_compile
from tinydeploy.lower.plan.ir import Kernel, Plan
from tinydeploy.lower.rules.interpreter_fallback import source_with
from tinydeploy.simulate import image as images
from tinydeploy.simulate.cpu_harness import FLASH, RAM, CpuHarness
from tinydeploy.simulate.memory_map import Memory

_FOLDERS = ("abi", "dsp", "kernels", "runtime", "compiled", "any_model")
_HOST = ["-O1", "-g", "-fsanitize=undefined", "-fno-sanitize-recover=undefined", harness.CHECKED]
_ENTRY = 24  # where an ELF file of 32 bits has the address to start at
_PLANS_SYMBOL = "_ZN10tinydeploy8compiled6kPlansE"
_LOAD = 0xFFFF_FFFF  # for an index: the bytes are a path
_PLAN_FLASH = Memory(0x40_0000, 12 << 20, is_rom=True)  # within reach of a call to the kernels
_PLAN_RAM = Memory(0x3000_0000, 1 << 20)
_SCRIPT = """\
SECTIONS {{
  . = {flash:#x};
  .text : {{ *(.text .text.* .rodata .rodata.*) }}
  . = {ram:#x};
  .data : {{ *(.data .data.*) *(.bss .bss.* COMMON) }}
  /DISCARD/ : {{ *(.ARM.exidx*) *(.ARM.extab*) *(.comment) *(.note*) }}
}}
"""


class Kernels:
    """The program of a target, with every kernel that a plan has called so far.

    Args:
        target: "host" or "cortex_m4".
        compiler: another one for the host.
    """

    def __init__(self, target: str, compiler: Sequence[str] | None = None) -> None:
        self._command = [*cross_compile.zig(), *(_HOST if target == "host" else build.CORTEX_M4)]
        self._command += [] if target == "host" else ["-O2"]
        self._link = ["-rdynamic", "-lm", "-ldl"]
        self._faces = ["resident.cpp", "resident_host.cpp"]
        if target != "host":
            swap = {"-Wl,--gc-sections": "-Wl,--no-gc-sections"}  # what no one calls yet stays
            flags = [swap.get(flag, flag) for flag in build.BARE_LINK]
            self._link, self._faces = [*flags, "-Wl,-e,RunGivenPlan"], ["resident.cpp"]
        if compiler is not None:
            self._command = list(compiler)
            self._faces += ["zones.cpp"] * (build.RED_ZONES in compiler)
        key = build.digest([*self._command, *self._link], _FOLDERS)
        self.folder = cache_dir() / "fuzz" / f"resident-{target}-{key}"
        self._list = self.folder / "kernels.json"
        self._known: set[Kernel] = set()
        self._path: Path | None = None

    def program(self, kernels: Iterable[Kernel]) -> Path:
        """The program with these kernels, and with those of earlier plans, of whichever process."""
        wanted = set(kernels)
        if wanted <= self._known and self._path is not None:
            return self._path
        self._known |= wanted | self._listed()
        texts = dict(sorted({**self._shared_sources(), **dict(self._kernel_sources())}.items()))
        self._path = self.folder / f"program-{cross_compile.digest_of(json.dumps(texts))}"
        if not self._path.exists():
            self.folder.mkdir(parents=True, exist_ok=True)
            cross_compile.build_cached(
                self._path, lambda scratch, out: self._build(texts, scratch, out)
            )
            self._write_list()
        return self._path

    def _listed(self) -> set[Kernel]:
        if not self._list.is_file():
            return set()
        return {Kernel(*pair) for pair in json.loads(self._list.read_text(encoding="utf-8"))}

    def _write_list(self) -> None:
        names = sorted((kernel.file, kernel.expression) for kernel in self._known)
        whole.write(self._list, json.dumps(names))

    def _build(self, texts: Mapping[str, str], scratch: Path, target: Path) -> None:
        made = self._objects(scratch, texts)
        linker = ["cc" if word == "c++" else word for word in self._command]
        tools.run([*linker, *made, *self._link, "-o", target], what="linking the kernels")

    def _shared_sources(self) -> dict[str, str]:
        shared = [*(FIRMWARE_DIR / "dsp").glob("*.cpp"), FIRMWARE_DIR / "compiled" / "kernel.cpp"]
        shared += (FIRMWARE_DIR / "runtime").glob("*.cpp")
        shared += (FIRMWARE_DIR / "any_model" / face for face in self._faces)
        return {f"{path.parent.name}_{path.stem}": f'#include "{path}"\n' for path in shared}

    def compiled(self, folder: Path, sources: Sequence[Path]) -> list[Path]:
        """An object for each source, in its order."""
        return build.objects(folder, self._command, sources)

    def _kernel_sources(self) -> Iterable[tuple[str, str]]:
        root = FIRMWARE_DIR / "kernels"
        for path in sorted(root.rglob("*.cpp")):
            file = path.relative_to(root).as_posix()
            found = sorted((k for k in self._known if k.file == file), key=lambda k: k.name)
            name = file.removesuffix(".cpp").replace("/", "_")
            yield f"kernels_{name}", source_with(file, found)

    def _objects(self, scratch: Path, texts: Mapping[str, str]) -> list[Path]:
        """An object for each text; kept under its name and a digest of it."""
        keyed = {f"{name}-{cross_compile.digest_of(text)}": text for name, text in texts.items()}
        missing = [name for name in keyed if not (self.folder / f"{name}.o").exists()]
        sources = [scratch / f"{name}.cc" for name in missing]
        for name, source in zip(missing, sources, strict=True):
            whole.write(source, keyed[name])
        made = self.compiled(scratch / "objects", sources)
        for name, path in zip(missing, made, strict=True):
            os.replace(path, self.folder / f"{name}.o")
        return [self.folder / f"{name}.o" for name in keyed]


class HostPlans:
    """Plans in one process on this PC, the kernels with the undefined-behaviour sanitizer.

    Args:
        kernels: of another compiler.
        in_zones: plans and kernels have the address sanitizer, too, and a step may touch its own
            buffers only; for plans that `zones.apart` has laid out. Wants g++.
    """

    def __init__(self, kernels: Kernels | None = None, *, in_zones: bool = False) -> None:
        self._kernels = kernels or Kernels("host", zones.COMPILER if in_zones else None)
        self._in_zones = in_zones
        self._plans: Sequence[Plan] = ()
        self._program: Piped | None = None
        self._path = Path()
        self._library: bytes = b""
        self._scratch = tempfile.TemporaryDirectory()

    def load(self, plans: Sequence[Plan]) -> None:
        """Add a batch, instead of the last one."""
        self._plans = plans
        folder = Path(self._scratch.name)
        text = source_of(plans)
        made = zones.compiled(text, folder) if self._in_zones else _compiled(text, folder, _PIC)
        library = made.with_suffix(".so")
        _lld(["-shared", made, "-o", library])
        program = self._kernels.program(_called(plans))
        if program != self._path:
            self.end()
            self._path, self._program = program, Piped(program)
        self._library = os.fsencode(library)
        self._give_library()

    def run(self, index: int, arena: bytes, *, fresh: bool = True) -> bytes:
        """See plans.PlanMachine."""
        assert self._program is not None
        try:
            own = zones.told(self._plans[index]) if self._in_zones else b""
            self._program.give(struct.pack("<3I", index, len(arena), fresh) + own + arena)
            after = self._program.take(len(arena))
        except BrokenPipeError:
            after = b""
        if len(after) != len(arena):
            error = self._program.ended("the plan")
            self._give_library()
            raise zones.explained(self._plans[index], error) if self._in_zones else error
        if self._in_zones:
            zones.require_gaps(self._plans[index], after)
        return after

    def end(self) -> None:
        """End the process."""
        if self._program is not None:
            self._program.close()
            self._program = None
            self._path = Path()

    def close(self) -> None:
        """End the process and remove what was compiled."""
        self.end()
        self._scratch.cleanup()

    def _give_library(self) -> None:
        assert self._program is not None
        self._program.give(struct.pack("<3I", _LOAD, len(self._library), 0) + self._library)


class CortexM4Plans:
    """Plans on one simulated Cortex-M4, each batch after the last one in flash."""

    def __init__(self) -> None:
        self._kernels = Kernels("cortex_m4")
        self._path = Path()
        self._scratch = tempfile.TemporaryDirectory()
        self._plans: tuple[int, ...] = ()
        self._image: images.ElfImage | None = None
        self._end = _PLAN_FLASH.origin

    def load(self, plans: Sequence[Plan]) -> None:
        """Add a batch, instead of the last one."""
        folder = Path(self._scratch.name)
        made = _compiled(source_of(plans), folder, [*_M4_PLANS])
        program = self._kernels.program(_called(plans))
        room = 2 * made.stat().st_size
        if program != self._path or self._end + room > _PLAN_FLASH.end:
            self._path = program
            self._start()
        script, elf = folder / "plans.ld", folder / "plans.elf"
        whole.write(script, _SCRIPT.format(flash=self._end, ram=_PLAN_RAM.origin))
        start = ["-s", "-e", _PLANS_SYMBOL]  # the one symbol that is asked for
        _lld(["-T", script, f"--just-symbols={program}", *start, made, "-o", elf])
        self._image = images.load(elf)
        self._count = len(plans)
        self._place_image()

    def run(self, index: int, arena: bytes, *, fresh: bool = True) -> bytes:
        """See plans.PlanMachine."""
        self._bench.machine.write(self._place, arena)
        try:
            self._bench.call("RunGivenPlan", self._plans[index], self._place, int(fresh))
        except DeviceError as error:
            self._start()  # what crashed is no CPU for the next plan
            self._place_image()
            raise RunnerCrashError(f"the plan crashed: {error.message}") from error
        return self._bench.read(self._place, len(arena))

    def close(self) -> None:
        """Remove what was compiled."""
        self._scratch.cleanup()

    def _start(self) -> None:
        self._bench = CpuHarness(self._path, memories=(FLASH, RAM, _PLAN_FLASH, _PLAN_RAM))
        self._place = self._bench.place(bytes(_ARENA_BYTES))
        self._end = _PLAN_FLASH.origin

    def _place_image(self) -> None:
        assert self._image is not None
        for segment in self._image.segments:
            self._bench.machine.write(segment.run_address, segment.data)
            if segment.run_address < _PLAN_FLASH.end:
                self._end = max(self._end, (segment.run_address + len(segment.data) + 31) & ~15)
        (table,) = struct.unpack_from("<I", self._image.path.read_bytes(), _ENTRY)
        self._plans = struct.unpack(f"<{self._count}I", self._bench.read(table, 4 * self._count))


_ARENA_BYTES = rooms.ARENA_BYTES + GUARD_BYTES
_PIC = ("-fPIC",)
_ZIG = cross_compile.zig_program()
_LIBC = FIRMWARE_DIR / "platformio" / "libc"
_M4_PLANS = ("-target", "thumbv7em-none-eabihf", "-mcpu=cortex-m4", "-mfpu=fpv4-sp-d16")


def _compiled(text: str, folder: Path, flags: Sequence[str]) -> Path:
    """An object of a source of plans; by the compiler itself: Zig's cache is never asked for it."""
    handle, name = tempfile.mkstemp(".cc", "plans", folder)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
    source = Path(name)
    argv: list[str | Path] = [_ZIG, "clang", *flags, "-O0", *build.DIALECT, *build.INCLUDES]
    argv += ["-nostdinc", "-isystem", _ZIG.parent / "lib" / "include", "-isystem", _LIBC]
    made = source.with_suffix(".o")
    tools.run([*argv, "-c", source, "-o", made], what="compiling plans", timeout_s=600)
    return made


def _lld(arguments: Sequence[str | Path]) -> None:
    tools.run([_ZIG, "ld.lld", *arguments], what="linking the plans", timeout_s=600)


def _called(plans: Sequence[Plan]) -> set[Kernel]:
    return {step.kernel for plan in plans for step in plan.calls if step.kernel is not None}
