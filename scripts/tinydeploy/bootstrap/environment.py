"""The checkout's `.venv`: made whole, kept current with the lock files, mended when it is broken.

What is there is known by stamps inside it: `tinydeploy-ours` is there from the first moment on,
`tinydeploy-made` holds the folder it was made in, `tinydeploy-<layer>` the hash of the lock file
that was installed. A stamp is written last, so that an interrupted step leaves none and is done
again. A `.venv` without the first is somebody else's: it stays as it is, and `.venv-tinydeploy` is
made beside it.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tinydeploy import whole
from tinydeploy.bootstrap import pip
from tinydeploy.bootstrap.progress import Progress
from tinydeploy.errors import SetupError, of_system


@dataclass(frozen=True)
class Layer:
    """A lock file: all packages of the layers before it, and its own.

    Attributes:
        free_bytes: disk space that installing it into an empty `.venv` takes at its peak.
    """

    name: str
    lock: str
    contents: str
    free_bytes: int


LAYERS = (
    Layer("base", "requirements.lock", "PlatformIO, Zig, Unicorn, TFLM", 900 << 20),
    Layer("train", "requirements-train.lock", "TensorFlow and Keras", 3000 << 20),
    Layer("dev", "requirements-dev.lock", "TensorFlow, Keras and the test tools", 3200 << 20),
)


_MARK = "tinydeploy-ours"
_CHECKED = " checked"  # after the hash in a stamp: what was installed has been imported


@dataclass(frozen=True)
class Environment:
    """The virtual environment of the checkout at `root`."""

    root: Path

    @property
    def folder(self) -> Path:
        """Where it is."""
        usual = self.root / ".venv"
        is_free = not usual.exists() and not usual.is_symlink()
        return usual if is_free or _is_ours(usual) else self.root / ".venv-tinydeploy"

    @property
    def python(self) -> Path:
        """Its interpreter."""
        if os.name == "nt":
            return self.folder / "Scripts" / "python.exe"
        return self.folder / "bin" / "python"

    @property
    def log(self) -> Path:
        """What pip and venv said, of all runs."""
        return self.folder / "tinydeploy-install.log"

    @property
    def is_running(self) -> bool:
        """Whether this process runs in it."""
        return Path(sys.prefix).resolve() == self.folder.resolve()

    def prepare(self, layer_name: str) -> None:
        """Make it, or bring it up to date, so that the packages of the layer are there.

        Raises SetupError. Says on standard error what it installs; else silent.
        """
        layer = next(layer for layer in LAYERS if layer.name == layer_name)
        if self._is_made() and self._is_current(layer):
            return
        with self._explained(), self._locked():
            if not self._is_made():
                self._make()
            if not self._is_current(layer):  # another process may have been faster
                self._install(layer)

    def _is_made(self) -> bool:
        # The folder is part of it: a copied or moved environment runs the code of the old place.
        return _read(self._stamp("made")) == str(self.folder) and self.python.exists()

    def _is_current(self, layer: Layer) -> bool:
        return _read(self._stamp(layer.name)) == self._lock_hash(layer) + _CHECKED

    def _stamp(self, name: str) -> Path:
        return self.folder / f"tinydeploy-{name}"

    def _lock_hash(self, layer: Layer) -> str:
        return hashlib.sha256((self.root / layer.lock).read_bytes()).hexdigest()

    def _make(self) -> None:
        name = self.folder.name
        if name != ".venv":
            _say(f".venv is not tinydeploy's and stays as it is; {name} will be used")
        _say(f"making {name} with Python {platform.python_version()} (only this once)")
        self._require_space(LAYERS[0])
        self._make_room()
        self._create()
        self._add_pip()
        self._add_package()
        whole.write(self._stamp("made"), str(self.folder))

    def _make_room(self) -> None:
        """An empty folder that is marked as ours, at no moment without the mark."""
        folder = self.folder
        if folder.exists() or folder.is_symlink():
            if not _is_ours(folder):
                raise SetupError(
                    f"{folder} is there, and tinydeploy has not made it", "rename or remove it"
                )
            old = folder.with_name(folder.name + ".old")
            shutil.rmtree(old, ignore_errors=True)
            folder.rename(old)
            shutil.rmtree(old, ignore_errors=True)
        new = folder.with_name(folder.name + ".new")
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir()
        whole.write(new / _MARK, "Made by tinydeploy, and may be removed.\n")
        new.rename(folder)

    def _create(self) -> None:
        executable = sys.executable
        if not Path(executable).exists():  # it was started with the one that was just replaced
            executable = getattr(sys, "_base_executable", executable)
        command = [executable, "-m", "venv", "--without-pip", str(self.folder)]
        result = subprocess.run(command, capture_output=True, text=True, check=False)
        if result.returncode:
            raise pip.failure(
                result.stdout + result.stderr,
                SetupError(
                    f"Python cannot make a virtual environment: {pip.last_line(result.stderr)}",
                    "install its venv module (Debian, Ubuntu: `apt install python3-venv`)",
                ),
            )

    def _add_pip(self) -> None:
        """Install the pinned pip, with the pip that Python bundles or else the one beside it.

        Debian's Python bundles none without its package python3-venv.
        """
        requirement = self.folder / "pip.lock"
        whole.write(requirement, pip.pin_of_pip(self.root / LAYERS[0].lock))
        bundled = [str(self.python), "-I", "-m", "ensurepip"]
        has_bundled = not pip.run_logged(bundled, self.log)
        start = (
            [str(self.python), "-I", "-m", "pip"]
            if has_bundled
            else [sys.executable, "-m", "pip", "--python", str(self.python)]
        )
        if pip.run_logged([*start, "--version"], self.log):
            raise SetupError(
                "pip does not work: Python has neither a bundled one (ensurepip) nor one installed",
                "install it (Debian, Ubuntu: `apt install python3-venv`); "
                f"what it said is in {self.log}",
            )
        with Progress("updating pip") as progress:
            pip.install(start, requirement, self.log, progress)

    def _add_package(self) -> None:
        """Make `import tinydeploy` and the command `tinydeploy` work in it."""
        scripts = self.root / "scripts"
        code = "import sysconfig; print(sysconfig.get_path('purelib'))"
        command = [str(self.python), "-I", "-c", code]
        site = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        whole.write(Path(site) / "tinydeploy.pth", f"{scripts}\n")
        if os.name == "posix":
            launcher = self.python.with_name("tinydeploy")
            text = f"#!/bin/sh\nexec '{self.python}' -m tinydeploy \"$@\"\n"
            whole.write(launcher, text, mode=whole.FOR_PROGRAMS)

    def _install(self, layer: Layer) -> None:
        lock = self.root / layer.lock
        lock_hash = self._lock_hash(layer)
        if _read(self._stamp(layer.name)) == lock_hash and not self._fault(lock):
            whole.write(self._stamp(layer.name), lock_hash + _CHECKED)
            return
        _say(f"installing {layer.contents} into {self.folder.name}, as {layer.lock} says")
        if not self._stamp(layer.name).exists():
            self._require_space(layer)
        self._stamp(layer.name).unlink(missing_ok=True)
        started = time.monotonic()
        with Progress("starting pip", pip.count_pins(lock)) as progress:
            pip.install([str(self.python), "-I", "-m", "pip"], lock, self.log, progress)
        if fault := self._fault(lock):
            raise SetupError(
                f"pip reports that all is installed, but {fault}",
                f"all that it said is in {self.log}; remove {self.folder} to start anew",
            )
        for contained in LAYERS[: LAYERS.index(layer)]:
            stamp = self._lock_hash(contained) + _CHECKED
            whole.write(self._stamp(contained.name), stamp)
        whole.write(self._stamp(layer.name), lock_hash + _CHECKED)
        _say(f"installed in {time.monotonic() - started:.0f} s")

    def _fault(self, lock: Path) -> str:
        """What of a lock file is not there or cannot be imported; "" if all is well."""
        script = Path(__file__).with_name("check_installed.py")
        command = [str(self.python), "-I", str(script), str(lock)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return pip.last_line(done.stderr) or "the check of it crashed" if done.returncode else ""

    def _require_space(self, layer: Layer) -> None:
        free_bytes = shutil.disk_usage(self.root).free
        if free_bytes < layer.free_bytes:
            raise SetupError(
                f"not enough disk space: .venv needs {_gigabytes(layer.free_bytes)} for "
                f"{layer.contents}, {_gigabytes(free_bytes)} are free on {self.root}",
                "free some space, or clone onto a larger disk",
            )

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise of_system(error) or pip.failure(
                f"{error}",
                SetupError(
                    f"cannot write to {error.filename or self.root}: {error.strerror or error}",
                    "clone into a folder that you can write to, or mend its permissions",
                ),
            ) from error

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep a second process from installing at the same time."""
        if os.name != "posix":  # fcntl is there only
            yield
            return
        import fcntl

        with (self.root / ".venv.lock").open("w") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say("waiting for another process that installs into .venv")
                fcntl.flock(file, fcntl.LOCK_EX)
            yield


def _is_ours(folder: Path) -> bool:
    """Whether tinydeploy has made it: by its mark, or by what versions before it have left."""
    marks = (_MARK, "tinydeploy-made", "tinydeploy-install.log")
    return not folder.is_symlink() and any((folder / name).is_file() for name in marks)


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _gigabytes(count: int) -> str:
    return f"{count / 1e9:.1f} GB"


def _say(text: str) -> None:
    print(f"tinydeploy: {text}", file=sys.stderr, flush=True)
