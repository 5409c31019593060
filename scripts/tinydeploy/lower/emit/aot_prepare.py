"""What the interpreter's kernels make of an operator: their Prepare, run on a simulated Cortex-M4.

Prepare checks an operator once and fills params of fixed width without pointers. So the compiled
engine can take them over as constants and link nothing but the function that computes.
"""

from __future__ import annotations

import functools
import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinydeploy import whole
from tinydeploy.abi import limits
from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.lower.emit import cross_compile
from tinydeploy.lower.plan.ir import Kernel

if TYPE_CHECKING:
    from tinydeploy.simulate.cpu_harness import CpuHarness

_ARENA, _ARENA_BYTES = 0x3000_0000, 1 << 20  # for params
_MODEL, _MODEL_BYTES = 0x4000_0000, 16 << 20
_ROOMS = ("abi", "runtime", "kernels", "any_model")
_MOST_BUFFERS = limits.PREPARED_BUFFERS.most
_REPLY = struct.Struct(f"<{7 + 2 * _MOST_BUFFERS}I")
_SCRATCH = 0xFFFF_FFFF
_REASON_BYTES = 96


@dataclass(frozen=True)
class Memory:
    """What a kernel needs besides inputs and outputs.

    Attributes:
        initial: what each byte of it is before the first inference if it is kept from one to the
            next; None: scratch.
    """

    size: int
    initial: int | None = None


@dataclass(frozen=True)
class Prepared:
    """An operator ready to run.

    Attributes:
        params: bytes; b"" if the function takes none.
        input_args: how many pointers to inputs it takes, null for those that are not there.
        memory: its buffers, after the outputs.
    """

    kernel: Kernel
    params: bytes
    input_args: int
    memory: tuple[Memory, ...]


class NotPreparedError(UnsupportedModelError):
    """No kernel takes this operator, or it is more than a function of its inputs."""


def prepare(model: bytes) -> Prepared:
    """Prepare the last operator of a .tflite.

    Raises:
        NotPreparedError: with the reason.
    """
    bench, functions = _bench()
    ok, needs_interpreter, function, params, size, inputs, count, *pairs = _reply(model)
    if not ok:
        reason = bench.read(bench.address("g_prepare_reason"), _REASON_BYTES).split(b"\0")[0]
        why = "runs other subgraphs" if needs_interpreter else reason.decode()
        raise NotPreparedError(why or "has no kernel")
    file, expression = functions[str(function & ~1)]
    return Prepared(
        Kernel(file, expression),
        bench.read(params, size) if params else b"",
        inputs,
        tuple(
            Memory(size, None if initial == _SCRATCH else initial)
            for size, initial in list(zip(pairs[::2], pairs[1::2], strict=True))[:count]
        ),
    )


def params_bytes(model: bytes) -> int:
    """What Prepare takes for params of the last operator of a .tflite, trailing arrays included.

    0 if no kernel takes it; operators that run other subgraphs have their params, too.
    """
    ok, needs_interpreter, _, _, size, *_ = _reply(model)
    return int(size) if ok or needs_interpreter else 0


def _reply(model: bytes) -> tuple[int, ...]:
    """What PrepareOp answers: the fields of `Reply` in prepare_op.cpp."""
    bench, _ = _bench()
    if len(model) > _MODEL_BYTES:
        raise NotPreparedError(f"has {len(model):,} bytes of constants")
    bench.machine.write(_MODEL, model)
    job = struct.pack("<4I", _MODEL, len(model), _ARENA, _ARENA_BYTES)
    bench.machine.write(bench.address("g_prepare_job"), job)
    bench.call("PrepareOp")
    return _REPLY.unpack(bench.read(bench.address("g_prepare_reply"), _REPLY.size))


@functools.cache
def _bench() -> tuple[CpuHarness, dict[str, Any]]:
    """The CPU with the program, and what is in it."""
    from tinydeploy.simulate.cpu_harness import (  # few models need the simulator here
        FLASH,
        RAM,
        CpuHarness,
    )
    from tinydeploy.simulate.memory_map import Memory

    elf, functions = _program()
    more = (Memory(_ARENA, _ARENA_BYTES), Memory(_MODEL, _MODEL_BYTES))
    return CpuHarness(elf, memories=(FLASH, RAM, *more)), functions


def _program() -> tuple[Path, dict[str, Any]]:
    """An ELF file with every Prepare, and file and name of every function by its address."""
    command = [*cross_compile.zig(), *cross_compile.CORTEX_M4, "-O1", "-g"]
    folder = cache_dir() / "prepare" / cross_compile.digest(command, _ROOMS)
    elf = cross_compile.build_cached(folder / "prepare.elf", functools.partial(_build, command))
    table = cross_compile.build_cached(
        folder / "functions.json", lambda _, out: _write_functions(elf, out)
    )
    return elf, json.loads(table.read_text())


def _build(command: list[str], scratch: Path, out: Path) -> None:
    rooms = (FIRMWARE_DIR / room for room in ("runtime", "kernels"))
    files = sorted(path for room in rooms for path in room.rglob("*.cpp"))
    face = FIRMWARE_DIR / "any_model" / "prepare_op.cpp"
    made = cross_compile.objects(scratch, command, [*files, face])
    cross_compile.link(command, made, [*cross_compile.BARE_LINK, "-Wl,-e,PrepareOp"], out)


def _write_functions(elf: Path, out: Path) -> None:
    whole.write(out, json.dumps(_functions(elf)))


def _functions(elf: Path) -> dict[int, tuple[str, str]]:
    """From the debug information; "(anonymous namespace)" does not belong in C++."""
    from elftools.elf.elffile import ELFFile

    found: dict[int, tuple[str, str]] = {}
    with elf.open("rb") as stream:
        for unit in ELFFile(stream).get_dwarf_info().iter_CUs():
            top = unit.get_top_DIE()
            source = Path(_text(top, "DW_AT_name"))
            if not source.is_relative_to(FIRMWARE_DIR / "kernels"):
                continue
            file = source.relative_to(FIRMWARE_DIR / "kernels").as_posix()
            for die in unit.iter_DIEs():
                if die.tag == "DW_TAG_subprogram" and "DW_AT_low_pc" in die.attributes:
                    name = _name_of(die).replace("(anonymous namespace)::", "")
                    name = name.replace("long long", "int64_t")  # which is long on the PC
                    found[die.attributes["DW_AT_low_pc"].value & ~1] = file, name
    return found


def _name_of(die: Any) -> str:
    """A definition may refer to its declaration for the name."""
    for reference in ("DW_AT_specification", "DW_AT_abstract_origin"):
        if reference in die.attributes:
            return _name_of(die.get_DIE_from_attribute(reference))
    return _text(die, "DW_AT_name")


def _text(die: Any, attribute: str) -> str:
    value = die.attributes.get(attribute)
    return value.value.decode() if value else ""
