"""The firmware as a device in a process of this PC, switched on with any flash, under any frames.

The address and undefined-behaviour sanitizers watch it, with red zones in its arena. After what was
done to it, it must answer, run a model that it may run, and infer what TFLM infers
(firmware/fuzz/device.h).
"""

from __future__ import annotations

import hashlib
import os
import shutil
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tinydeploy import interrupts, models, whole
from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.errors import SetupError
from tinydeploy.fuzz import build
from tinydeploy.fuzz.cases import Case, make, subjects
from tinydeploy.fuzz.runner import Piped
from tinydeploy.graph import read_tflite
from tinydeploy.judge import Judge
from tinydeploy.lower.emit import cross_compile
from tinydeploy.stages import slot_image
from tinydeploy.stages.compile import compile_model
from tinydeploy.stages.slot_image import SlotImage
from tinydeploy.stages.vectors import Vectors

SLOTS = 2
PAGE_BYTES = 1024  # of firmware/fuzz/rounds.cpp
SLOT_PAGES = 5
SLOT_BYTES = SLOT_PAGES * PAGE_BYTES
FLASH_BYTES = SLOTS * SLOT_BYTES
LIMIT_S = 20  # CPU seconds for a job
MOST_FINDINGS = 10  # of a campaign
_ARENA_BYTES = 1 << 16
_FLAGS = [
    *["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"],
    *[build.RED_ZONES, "-DTINYDEPLOY_HOT_SWAP"],
]
_FOLDERS = ("runtime", "kernels", "tflm", "fuzz", "app", "link")
_OPERATORS = ("CONV_2D", "FULLY_CONNECTED", "DEPTHWISE_CONV_2D")
_MOST_BYTES = SLOT_BYTES - 2 * PAGE_BYTES  # of a model, so that vectors fit behind it
_JOB = struct.Struct("<Q2I")
_RESULT = struct.Struct("<5Q32s")


@dataclass(frozen=True)
class Known:
    """A model that may run, one of its inputs, and what TFLM makes of it."""

    tflite: bytes
    input: bytes
    output: bytes

    @property
    def hash(self) -> bytes:
        """SHA-256 of the .tflite."""
        return hashlib.sha256(self.tflite).digest()


@dataclass(frozen=True)
class Result:
    """What came of a job.

    Attributes:
        frames: that were sent; answers: that came back, of them `naks`.
        check_ups: times that the device was asked whether it is as it should be.
        hash: SHA-256 of the model that ran when it was switched on.
    """

    frames: int
    answers: int
    naks: int
    restarts: int
    check_ups: int
    hash: bytes


@dataclass
class Counted:
    """What a campaign came to, besides its own figures.

    Attributes:
        findings: file that shows each again, and the last words of the device.
    """

    frames: int = 0
    answers: int = 0
    naks: int = 0
    restarts: int = 0
    check_ups: int = 0
    findings: list[tuple[Path, str]] = field(default_factory=list)

    def add(self, result: Result) -> None:
        """One more job is done."""
        self.frames += result.frames
        self.answers += result.answers
        self.naks += result.naks
        self.restarts += result.restarts
        self.check_ups += result.check_ups


@dataclass(frozen=True)
class Finding:
    """What the device did not survive.

    Attributes:
        file: that shows it again, with `data`.
        words: the last of the device.
    """

    file: Path
    data: bytes | str
    words: str


def campaign(
    numbers: range,
    attempt: Callable[[int], Finding | None],
    found: Counted,
    progress: Callable[[], None],
) -> None:
    """Attempt after attempt, until there are findings enough."""
    for number in numbers:
        interrupts.check()
        if finding := attempt(number):
            whole.write(finding.file, finding.data)
            found.findings.append((finding.file, finding.words))
            if len(found.findings) >= MOST_FINDINGS:
                return
        progress()


def built_in() -> Known:
    """The model in the image."""
    data = models.load("sine").tflite().read_bytes()
    (end,) = read_tflite.load(data).main.inputs
    given = np.zeros(end.shape, end.type.dtype)
    (output,) = Judge(data).run([given])
    return Known(data, given.tobytes(), output.tobytes())


def pushed(seed: int) -> tuple[list[Known], list[SlotImage]]:
    """A model for each slot, different from seed to seed, and what a push writes of it."""
    known: list[Known] = []
    images: list[SlotImage] = []
    names = subjects(_OPERATORS)
    number = 0
    while len(known) < SLOTS:
        case = make(seed, number, names)
        number += 1
        if _is_fit(case):
            inputs = tuple(np.stack(values) for values in zip(*case.inputs, strict=True))
            images.append(slot_image.make(case.data, Vectors(inputs, None, "fuzz")))
            (output,) = Judge(case.data).run(case.inputs[0])
            known.append(Known(case.data, case.inputs[0][0].tobytes(), output.tobytes()))
    return known, images


def _is_fit(case: Case) -> bool:
    graph = case.model.main
    ends = [*graph.inputs, *graph.outputs]
    small = len(case.data) <= _MOST_BYTES and sum(end.nbytes for end in ends) <= PAGE_BYTES // 4
    return small and len(ends) == 2 and all("int8" in str(end.type.dtype) for end in ends)


class Device:
    """The process; started on first use, and again after it has ended.

    Args:
        known: the models that may run.
        program: another build of it.
    """

    def __init__(self, known: Sequence[Known], program: Path | None = None) -> None:
        self._known = known
        self._program = Piped(program or device_program(), str(LIMIT_S))
        self._runs = False

    def run(self, seed: int, frames: int, flash: bytes, *, forged: bool = False) -> Result:
        """Switch it on with this flash, send it `frames` frames, some of the slots' for 0.

        Args:
            forged: the flash may hold another model, with all its hashes.

        Raises:
            RunnerCrashError: a sanitizer has ended it, or it was not as it should be afterwards.
            RunnerTimeoutError: it took too long.
        """
        try:
            if not self._runs:
                self._program.give(_told(self._known))
            self._runs = True
            self._program.give(_JOB.pack(seed, frames, forged) + flash)
            return Result(*_RESULT.unpack(self._program.take(_RESULT.size)))
        except (BrokenPipeError, struct.error) as error:
            self._runs = False
            raise self._program.ended("the device") from error

    def close(self) -> None:
        """End the process."""
        self._program.close()
        self._runs = False


def _told(known: Sequence[Known]) -> bytes:
    parts = [struct.pack("<I", len(known))]
    for model in known:
        parts += [model.hash, struct.pack("<2I", len(model.input), len(model.output))]
        parts += [model.input, model.output]
    return b"".join([*parts, struct.pack("<I", FLASH_BYTES)])


def device_program(replaced: build.Replaced | None = None) -> Path:
    """The program, built once.

    Args:
        replaced: files of firmware/ to compile others instead of; for tests of the tests.

    Raises:
        SetupError: there is no g++.
    """
    if shutil.which("g++") is None:
        raise SetupError("g++ is not on the PATH", "the address sanitizer comes with it")
    with whole.scratch(cache_dir() / "fuzz") as scratch:
        tflite = models.load("sine").tflite()
        compile_model(tflite, None, scratch, name="sine", arena_bytes=_ARENA_BYTES)
        command = ["g++", *_FLAGS, f"-I{scratch}"]
        generated = sorted(scratch.glob("*.cc"))
        texts = [path.read_text() for path in sorted(scratch.iterdir())]
        key = build.digest(["g++", *_FLAGS, *texts], _FOLDERS)
        folder = cache_dir() / "fuzz" / f"device-{key}"
        files = [(replaced or {}).get(path, path) for path in [*_sources(), *generated]]

        def make(made: Path, target: Path) -> None:
            cross_compile.link(command, _objects(command, files, folder, made), ["-lm"], target)

        whole_text = "".join(path.read_text() for path in files)
        return cross_compile.build_cached(
            folder / f"device-{cross_compile.digest_of(whole_text)}", make
        )


def _objects(
    command: Sequence[str], files: Sequence[Path], folder: Path, scratch: Path
) -> list[Path]:
    """Of each file, kept: of a program with one file replaced the others are there."""
    folder.mkdir(parents=True, exist_ok=True)
    targets = {
        file: folder / f"{index}-{file.stem}-{cross_compile.digest_of(file.read_text())}.o"
        for index, file in enumerate(files)
    }
    missing = [file for file, target in targets.items() if not target.exists()]
    for file, made in zip(missing, cross_compile.objects(scratch, command, missing), strict=True):
        os.replace(made, targets[file])
    return list(targets.values())


def _sources() -> list[Path]:
    own = [FIRMWARE_DIR / "fuzz" / f"{name}.cpp" for name in _PARTS]
    app = sorted(path for room in ("app", "link") for path in (FIRMWARE_DIR / room).glob("*.cpp"))
    return [*own, *app, *build.runtime_sources()]


_PARTS = ("device", "frames", "pristine", "rounds")
