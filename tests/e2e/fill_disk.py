"""Deploys onto disks that get full on the way, and looks at what is said and what is left.

    python tests/e2e/fill_disk.py [--cold 20] [--warm 20] [--seed 1]        (root on Linux)

The build folder, the cache and the temporary folder lie on one small disk in memory, which nobody
else sees. A cold run has from nothing to all of the room that a first deploy takes; a warm one
comes after a deploy of another model, with too little room for its own. It has to end with exit
code 4 or 5, or 0 where the room was enough, and an error of one line; then, with room, the next
deploy has to report what it reports on a fresh checkout.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from kill_anywhere import FIELDS, twins
from tinydeploy.config import BUILD_DIR, ROOT

BOARD = "nano33"
INSIDE = "TINYDEPLOY_FILL_DISK_INSIDE"
ROOM = 300 << 20
CODES = (4, 5)
MOST_LINES = 2  # an error and a hint


class Disk:
    """A file system of its own on build/, of a size that changes."""

    def __init__(self) -> None:
        BUILD_DIR.mkdir(exist_ok=True)

    def new(self, size: int) -> None:
        """Empty, with room for `size` bytes."""
        subprocess.run(["umount", "-q", BUILD_DIR], check=False, stderr=subprocess.DEVNULL)
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", BUILD_DIR], check=True
        )
        (BUILD_DIR / "tmp").mkdir()

    def resize(self, size: int) -> None:
        """More room, or less."""
        command = ["mount", "-o", f"remount,size={max(size, 4096)}", BUILD_DIR]
        subprocess.run(command, check=True)

    @property
    def used(self) -> int:
        """Bytes."""
        told = os.statvfs(BUILD_DIR)
        return (told.f_blocks - told.f_bfree) * told.f_frsize


class Runs:
    """Deploys of two models, and what came of them."""

    def __init__(self, folder: Path) -> None:
        self._file, self._models = folder / "net.tflite", twins()
        self.codes: Counter[int] = Counter()
        self.wrong: list[str] = []

    def deploy(self, model: int) -> subprocess.CompletedProcess[str]:
        """To its end."""
        self._file.write_bytes(self._models[model])
        places = {"TMPDIR": str(BUILD_DIR / "tmp"), "TINYDEPLOY_CACHE": str(BUILD_DIR / "cache")}
        command = [sys.executable, "-m", "tinydeploy", "deploy", "--board", BOARD, "--json"]
        command += ["--model", str(self._file), "--vectors", "10", "--quiet"]
        environment = {**os.environ, **places, "COLUMNS": "1000"}
        return subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False
        )

    def fields(self, model: int) -> dict[str, Any]:
        """What a run with enough room reports."""
        done = self.deploy(model)
        if done.returncode:
            return {"error": done.stderr}
        whole = json.loads(done.stdout)
        return {name: whole[name.split(".")[0]][name.split(".")[1]] for name in FIELDS}

    def full(self, model: int, what: str) -> None:
        """A run that may lack room: note its code, and what is wrong with how it ended."""
        done = self.deploy(model)
        self.codes[done.returncode] += 1
        said = done.stderr.strip().splitlines()
        is_short = len(said) <= MOST_LINES and "Traceback" not in done.stderr
        if done.returncode and (done.returncode not in CODES or not is_short):
            self.wrong.append(f"{what}: exit {done.returncode}\n{done.stderr}")
        elif done.returncode and not re.search("full|No space", done.stderr):
            self.wrong.append(f"{what}: does not say why\n{done.stderr}")

    def compare(self, model: int, expected: dict[str, Any], what: str) -> None:
        """The next run, with room."""
        found = self.fields(model)
        if found != expected:
            self.wrong.append(f"{what}, with room: {found} instead of {expected}")


def campaign(cold: int, warm: int, seed: int) -> Runs:
    """All runs; what is wrong is in what this returns."""
    draw, disk = random.Random(seed), Disk()
    with tempfile.TemporaryDirectory() as folder:
        runs = Runs(Path(folder))
        disk.new(ROOM)
        expected = [runs.fields(0)]
        whole = disk.used
        expected.append(runs.fields(1))
        for number in range(cold):
            size = int(whole * (number + draw.random()) / max(cold, 1))
            disk.new(size)
            _try(runs, disk, 0, expected[0], f"cold, {size:,} of {whole:,} bytes")
        disk.new(ROOM)
        runs.fields(0)
        for number in range(warm):
            model = 1 - number % 2
            free = int((1 << 20) * draw.random() ** 3)
            disk.resize(disk.used + free)
            _try(runs, disk, model, expected[model], f"warm, {free:,} bytes")
    return runs


def _try(runs: Runs, disk: Disk, model: int, expected: dict[str, Any], what: str) -> None:
    runs.full(model, what)
    disk.resize(ROOM)
    runs.compare(model, expected, what)
    print(f"{what}: exit codes so far {dict(runs.codes)}, {len(runs.wrong)} wrong", flush=True)


def main() -> int:
    """Returns 1 if a full disk was not told, or did harm."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--cold", type=int, default=20)
    parser.add_argument("--warm", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    if INSIDE not in os.environ:  # a mount that nobody else sees
        command = ["unshare", "--mount", sys.executable, *sys.argv]
        return subprocess.run(command, env={**os.environ, INSIDE: "1"}, check=False).returncode
    runs = campaign(options.cold, options.warm, options.seed)
    print("\n".join(runs.wrong))
    told = ", ".join(f"{count} with exit code {code}" for code, count in sorted(runs.codes.items()))
    print(f"{sum(runs.codes.values())} runs: {told}; {len(runs.wrong)} wrong")
    return 1 if runs.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
