"""A small checkout to set up, with a package index in a folder: no network, no large packages."""

from __future__ import annotations

import base64
import ensurepip
import hashlib
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PACKAGE = "tinydeploy-fake-dependency"

_SCRIPTS = ("deploy.py", "test.py", "starter.py")
_MODULES = ("__init__.py", "errors.py", "supervise.py", "whole.py", "bootstrap")
_MAIN = "import sys\nprint('ran', *sys.argv[1:], sys.prefix)\n"


@dataclass(frozen=True)
class Checkout:
    """A copy of the scripts, whose lock files pin a package made on the spot."""

    root: Path
    wheels: Path

    def pin(self, version: str, *, right_hash: bool = True) -> None:
        """Write lock files that pin pip as Python bundles it, and the package at `version`."""
        wheel = make_wheel(self.wheels, version)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest() if right_hash else "0" * 64
        text = (
            f"{PACKAGE}=={version} \\\n    --hash=sha256:{digest}\n"
            f"pip=={ensurepip.version()} \\\n    --hash=sha256:{'0' * 64}\n"
        )
        for name in ("requirements.lock", "requirements-train.lock", "requirements-dev.lock"):
            (self.root / name).write_text(text, encoding="utf-8")

    def environment(self, **changes: str) -> dict[str, str]:
        """Variables of a run: only the folder's packages, unless `changes` says otherwise."""
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("PIP_", "PYTHON"))}
        own = {
            "PIP_NO_INDEX": "1",
            "PIP_FIND_LINKS": str(self.wheels),
            "PIP_CONFIG_FILE": os.devnull,
        }
        return clean | own | changes

    def run(
        self, *arguments: str, python: str = sys.executable, **changes: str
    ) -> subprocess.CompletedProcess[str]:
        """`python scripts/deploy.py ARGUMENTS`."""
        return subprocess.run(
            [python, "scripts/deploy.py", *arguments],
            cwd=self.root,
            env=self.environment(**changes),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    def installed(self) -> str:
        """Version of the package in `.venv`, as its own Python sees it."""
        code = f"from importlib.metadata import version; print(version('{PACKAGE}'))"
        python = self.root / ".venv" / "bin" / "python"
        return subprocess.run([python, "-c", code], capture_output=True, text=True).stdout.strip()


def make_checkout(folder: Path) -> Checkout:
    """Lay it out in `folder`, pinned at version 1.0."""
    root = folder / "checkout"
    package = root / "scripts" / "tinydeploy"
    package.mkdir(parents=True)
    for name in _SCRIPTS:
        shutil.copy(REPOSITORY / "scripts" / name, root / "scripts")
    for name in _MODULES:
        source = REPOSITORY / "scripts" / "tinydeploy" / name
        if source.is_dir():
            shutil.copytree(source, package / name)
        else:
            shutil.copy(source, package)
    (package / "__main__.py").write_text(_MAIN, encoding="utf-8")
    checkout = Checkout(root, folder / "wheels")
    checkout.wheels.mkdir()
    checkout.pin("1.0")
    return checkout


def make_wheel(folder: Path, version: str) -> Path:
    """A wheel with one empty module."""
    stem = f"{PACKAGE.replace('-', '_')}-{version}"
    metadata = f"Metadata-Version: 2.1\nName: {PACKAGE}\nVersion: {version}\n"
    tags = "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
    files = {
        "tinydeploy_fake_dependency.py": "",
        f"{stem}.dist-info/METADATA": metadata,
        f"{stem}.dist-info/WHEEL": tags,
    }
    record = "".join(f"{name},sha256={_digest(text)},{len(text)}\n" for name, text in files.items())
    path = folder / f"{stem}-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for name, text in files.items():
            archive.writestr(zipfile.ZipInfo(name), text)
        archive.writestr(zipfile.ZipInfo(f"{stem}.dist-info/RECORD"), record)
    return path


def _digest(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
