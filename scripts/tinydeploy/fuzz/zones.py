"""Red zones in compiled plans: a step that touches what is not its own is caught and named.

A plan lays its buffers out over each other in time, so that a kernel which goes a byte too far
finds memory that it may write. Here every buffer has room of its own, with gaps, and the address
sanitizer closes all of the arena but what the step works on (firmware/any_model/zones.h). It
watches the constants, too, which are variables of the plan's program.
"""

from __future__ import annotations

import copy
import re
import shutil
import struct
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinydeploy import whole
from tinydeploy.fuzz import build
from tinydeploy.fuzz.plans import GARBAGE
from tinydeploy.fuzz.runner import RunnerCrashError
from tinydeploy.kernel_lab import harness
from tinydeploy.lower.memory.planner import place_apart
from tinydeploy.lower.plan.ir import Buffer, Constant, Plan, Pointer, Records, Step

GAP_BYTES = 64
READ_PAST_BYTES = 3  # an input, by kernels that load words: firmware/dsp/*.h say which
_SANITIZERS = ("-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all")
COMPILER = ("g++", "-O1", *_SANITIZERS, build.RED_ZONES, harness.CHECKED)
_PLANS = ("g++", "-O0", "-fPIC", "-fsanitize=address")
_WHERE = re.compile(r"in step (-?\d+), at byte (-?\d+) of the arena\s*$")


def are_possible() -> bool:
    """Whether there is the compiler with the address sanitizer."""
    return shutil.which("g++") is not None


def apart(plan: Plan) -> Plan:
    """A copy of the plan whose buffers lie apart; of the operators and constants there is one."""
    shared: list[object] = []
    for step in plan.calls:
        shared += [step.op, *(a for a in step.arguments if isinstance(a, (Constant, Records)))]
        shared += [buffer.tensor for buffer in step.buffers]
    shared += [buffer.tensor for buffer in (*plan.inputs, *plan.outputs)]
    moved = copy.deepcopy(plan, {id(each): each for each in shared if each is not None})
    place_apart(moved, GAP_BYTES)
    return moved


def told(plan: Plan) -> bytes:
    """What each step may touch, as firmware/any_model/zones.h has it, after its length."""
    resets = {_zone(buffer) for step in plan.resets for buffer in _given(step)}
    words = _words(resets)
    for step in plan.steps:
        words += _words(_own(step))
    return struct.pack(f"<{len(words) + 1}I", len(words), *words)


def _own(step: Step) -> set[tuple[int, int]]:
    past = READ_PAST_BYTES if step.kernel is None else 0
    only_read = set(step.reads) - {*step.writes, *step.scratch}
    read = {(buffer.address, buffer.size + past) for buffer in only_read}
    return read | {_zone(buffer) for buffer in _given(step)}


def _given(step: Step) -> list[Buffer]:
    """What it works on; the step's own lists leave out what is kept between inferences."""
    pointers = [each.buffer for each in step.arguments if isinstance(each, Pointer)]
    return [*step.buffers, *pointers]


def _zone(buffer: Buffer) -> tuple[int, int]:
    return buffer.address, buffer.size


def _words(zones: set[tuple[int, int]]) -> list[int]:
    return [len(zones), *(number for zone in sorted(zones) for number in zone)]


def require_gaps(plan: Plan, arena: bytes) -> None:
    """What the sanitizer lets kernels read past an input, they must not have written.

    Raises:
        RunnerCrashError: something between the buffers has changed.
    """
    buffers = [buffer for step in plan.calls for buffer in _given(step)]
    buffers += [*plan.inputs, *plan.outputs]
    gaps = np.frombuffer(arena, np.uint8) != GARBAGE
    for buffer in buffers:
        gaps[buffer.address : buffer.address + buffer.size] = False
    if gaps.any():
        where = _place(buffers, int(np.argmax(gaps)))
        raise RunnerCrashError(f"the plan wrote between its buffers: {where}")


def explained(plan: Plan, error: RunnerCrashError) -> RunnerCrashError:
    """The error with the step, the buffer and the byte, where the sanitizer has told them."""
    found = _WHERE.search(error.message)
    if found is None:
        return error
    number, offset = int(found[1]), int(found[2])
    step = plan.resets[0] if number < 0 else plan.steps[number]
    where = f"step {number}, {step.op_name} ({step.function}): "
    if offset >= 0:
        where += _place(_given(step), offset)
    return type(error)(f"{where}\n{error.message}")


def _place(buffers: Sequence[Buffer], offset: int) -> str:
    """Where that is, seen from the nearest buffer of the step."""

    def distance(buffer: Buffer) -> int:
        return max(buffer.address - offset, offset - (buffer.address + buffer.size - 1))

    nearest = min(buffers, key=distance)
    at = offset - nearest.address
    return f"byte {at} of {nearest.name}, which has {nearest.size}"


def compiled(text: str, folder: Path) -> Path:
    """An object of the source of plans, their constants with red zones."""
    scratch = Path(tempfile.mkdtemp(dir=folder))
    source = scratch / "plans.cc"
    whole.write(source, text)
    (made,) = build.objects(scratch, _PLANS, [source])
    return made
