"""Which lines and branches of the kernels a campaign reaches, by gcov on this PC."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinydeploy import tools, whole
from tinydeploy.config import FIRMWARE_DIR, cache_dir
from tinydeploy.errors import SetupError
from tinydeploy.fuzz import build, hostile, resident
from tinydeploy.fuzz.campaign import Campaign, Tally
from tinydeploy.fuzz.cases import subjects
from tinydeploy.fuzz.engines import Compiled, Engine, Interpreter
from tinydeploy.lower.emit import cross_compile

_COMPILER = ("g++", "-O0", "-g", "--coverage", "-fprofile-update=single")
_FOLDERS = ("abi", "runtime", "kernels", "tflm", "any_model")
# Files whose lines and branches are not counted, and why.
LEFT_OUT = {
    "kernels/ops.def": "a table; what its rows become is in the rooms that include it",
}
_RENEWED_AFTER = 50  # damaged models
_AT_ONCE = 40  # files of counts that gcov is given


@dataclass
class Reached:
    """Of one file.

    Attributes:
        lines: times that each was executed.
        branches: whether each way out of a line was taken; those that only an exception takes are
            none here.
    """

    lines: dict[int, int] = field(default_factory=dict)
    branches: dict[tuple[int, int], bool] = field(default_factory=dict)

    @property
    def missed(self) -> list[int]:
        """Lines that were not executed."""
        return sorted(line for line, count in self.lines.items() if not count)


class _Kernels(resident.Kernels):
    """Compiled where they stay: the counts go beside the objects."""

    def compiled(self, folder: Path, sources: Sequence[Path]) -> list[Path]:
        made = super().compiled(self.folder / f"objects-{os.getpid()}-{len(sources)}", sources)
        copies = [path.with_suffix(".copy.o") for path in made]
        for path, copy in zip(made, copies, strict=True):
            whole.copy(path, copy)  # which the caller moves away
        return copies


def run(
    cases: int, mutants: int, seed: int, folder: Path, progress: Callable[[Tally], None]
) -> dict[str, Reached]:
    """What models and damaged ones reach, by file relative to firmware/.

    Raises:
        SetupError: there is no g++ or gcov.
    """
    for tool in ("g++", "gcov"):
        if shutil.which(tool) is None:
            raise SetupError(f"{tool} is not on the PATH", "Debian's package g++ has both")
    program, kernels = _interpreter(), _Kernels("host", _COMPILER)
    _forget([program.parent, kernels.folder])
    used: list[Engine] = [Interpreter("host", program=program), Compiled("host", kernels)]
    Campaign(subjects([]), seed, used, folder).run(cases=cases, progress=progress)
    if mutants:
        extent = hostile.Extent(mutants, seed)
        hostile.run(extent, folder, program=program, renewed_after=_RENEWED_AFTER)
    return dict(sorted(_counts([program.parent, kernels.folder]).items()))


def by_room(reached: dict[str, Reached]) -> dict[str, list[int]]:
    """Lines, those executed, branches, those taken of each folder of kernels/, and of dsp/."""
    rooms: dict[str, list[int]] = {}
    for file, found in reached.items():
        parts = file.split("/")
        room = "/".join(parts[:2]) if parts[0] == "kernels" and len(parts) > 2 else parts[0]
        seen = rooms.setdefault(room, [0, 0, 0, 0])
        seen[0] += len(found.lines)
        seen[1] += sum(count > 0 for count in found.lines.values())
        seen[2] += len(found.branches)
        seen[3] += sum(found.branches.values())
    return rooms


def table(rooms: dict[str, list[int]]) -> Iterator[str]:
    """Line by line."""
    for room, (lines, seen, branches, taken) in rooms.items():
        yield f"{room:<28}{seen:>6,} of {lines:>6,} lines {taken:>6,} of {branches:>6,} branches"


def missed(reached: dict[str, Reached]) -> dict[str, str]:
    """Lines not executed by file, as ranges."""
    return {file: _ranges(found.missed) for file, found in reached.items() if found.missed}


def _ranges(numbers: Sequence[int]) -> str:
    """1, 4-6"""
    spans: list[list[int]] = []
    for number in numbers:
        if spans and number == spans[-1][1] + 1:
            spans[-1][1] = number
        else:
            spans.append([number, number])
    return ", ".join(str(a) if a == b else f"{a}-{b}" for a, b in spans)


def _interpreter() -> Path:
    """The interpreter, its objects where they were compiled."""
    common = FIRMWARE_DIR / "any_model"
    files = [*build.runtime_sources(), common / "any_model.cpp", common / "host.cpp"]
    folder = cache_dir() / "fuzz" / f"coverage-{build.digest(_COMPILER, _FOLDERS)}"
    program = folder / "runner"
    if not program.exists():
        made = cross_compile.objects(folder, _COMPILER, files)
        with whole.appearing(program, mode=whole.FOR_PROGRAMS) as beside:
            cross_compile.link(_COMPILER, made, ["-lm"], beside)
    return program


def _forget(folders: Sequence[Path]) -> None:
    for folder in folders:
        for path in folder.rglob("*.gcda"):
            path.unlink()


def _counts(folders: Sequence[Path]) -> dict[str, Reached]:
    found: dict[str, Reached] = {}
    for folder in folders:
        paths = sorted(folder.rglob("*.gcda"))
        for start in range(0, len(paths), _AT_ONCE):
            for unit in _gcov(paths[start : start + _AT_ONCE]):
                for file in unit["files"]:
                    _add(found, file)
    return found


def _gcov(paths: Sequence[Path]) -> Iterator[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as scratch:
        argv: list[str | Path] = ["gcov", "--json-format", "--branch-probabilities", *paths]
        tools.run(argv, what="reading the counts", cwd=Path(scratch), timeout_s=600)
        for path in sorted(Path(scratch).glob("*.json.gz")):
            yield json.loads(gzip.decompress(path.read_bytes()))


def _add(found: dict[str, Reached], file: dict[str, Any]) -> None:
    path = Path(file["file"]).resolve()
    if not any(path.is_relative_to(FIRMWARE_DIR / room) for room in ("kernels", "dsp")):
        return
    name = path.relative_to(FIRMWARE_DIR).as_posix()
    if name in LEFT_OUT:
        return
    seen = found.setdefault(name, Reached())
    for line in file["lines"]:
        number = int(line["line_number"])
        seen.lines[number] = seen.lines.get(number, 0) + int(line["count"])
        for place, branch in enumerate(line["branches"]):
            if not branch["throw"]:
                key = number, place
                seen.branches[key] = seen.branches.get(key, False) or branch["count"] > 0
