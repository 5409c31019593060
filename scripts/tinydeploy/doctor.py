"""What this machine has, what it lacks, and what to do about each: `tinydeploy doctor`.

Nothing here imports what it looks for, and nothing is changed: a remedy is a command to read and to
run. Starting other programs is limited to asking a compiler for its version.
"""

from __future__ import annotations

import json
import os
import platform
import re
import shutil
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum
from functools import partial
from importlib import metadata
from pathlib import Path

from tinydeploy import boards, flash, tools
from tinydeploy.boards import Board
from tinydeploy.config import BUILD_DIR, ROOT
from tinydeploy.errors import TinyDeployError
from tinydeploy.link import transport
from tinydeploy.link.transport import PortInfo

OLDEST_PYTHON = (3, 10)
NEWEST_PYTHON = (3, 13)
OLDEST_GCC = 12
NEEDED_BYTES = 3 << 30  # TensorFlow and the toolchain, unpacked
UDEV_RULES = Path("/etc/udev/rules.d/70-tinydeploy.rules")
OUR_UDEV_RULES = Path(__file__).parent / "flash" / UDEV_RULES.name

ADAPTERS = {0x1A86: "CH340", 0x0403: "FTDI", 0x10C4: "CP210x"}  # any of them may lead to an Edge


class Level(str, Enum):
    """How much a finding matters."""

    OK = "ok"
    NOTE = "note"  # something optional is missing, or good to know
    ERROR = "error"  # a command will fail


@dataclass(frozen=True)
class Finding:
    """One thing looked at: what was found and, unless all is well, what to do."""

    level: Level
    what: str
    remedy: str = ""


Probe = Callable[[PortInfo], str]
"""Asks a board on a port who it is; the text to show, or a TinyDeployError."""


def diagnose(probe: Probe | None = None) -> list[Finding]:
    """Look at everything, most basic things first.

    Args:
        probe: asks the device on a port for firmware, build and ABI; None leaves the boards alone.
    """
    ports = transport.list_ports()
    return [
        *_python(),
        *_packages(),
        *_toolchains(),
        *_optional_programs(),
        *_disk(),
        *_ports(ports, probe),
        *_udev(),
        *_modem_manager(),
    ]


def fix_commands(findings: Iterable[Finding]) -> list[str]:
    """The remedies that are commands, without repetition: what `--fix` prints."""
    remedies = (finding.remedy for finding in findings if finding.level is not Level.OK)
    lines = (line.strip() for remedy in remedies for line in remedy.splitlines())
    return list(dict.fromkeys(line[2:] for line in lines if line.startswith("$ ")))


def to_text(findings: Iterable[Finding]) -> str:
    """Findings for people: a line each, the remedy indented below it."""
    lines = []
    for finding in findings:
        lines.append(f"{finding.level.value:<6}{finding.what}")
        lines += [f"      {line}" for line in finding.remedy.splitlines()]
    return "\n".join(lines)


def to_json(findings: Iterable[Finding]) -> str:
    """Findings for machines: a list of objects with level, what and remedy."""
    rows = [
        {"level": finding.level.value, "what": finding.what, "remedy": finding.remedy}
        for finding in findings
    ]
    return json.dumps(rows, indent=2)


def _python() -> list[Finding]:
    version = sys.version_info[:2]
    text = f"Python {platform.python_version()} at {sys.executable}"
    if OLDEST_PYTHON <= version <= NEWEST_PYTHON:
        found = [Finding(Level.OK, text)]
    else:
        oldest, newest = (".".join(map(str, v)) for v in (OLDEST_PYTHON, NEWEST_PYTHON))
        remedy = f"use Python {oldest} to {newest}"
        found = [Finding(Level.ERROR, text, remedy)]
    if sys.prefix == sys.base_prefix:
        found.append(
            Finding(
                Level.NOTE,
                "not in a virtual environment",
                "start through `python scripts/deploy.py`, which makes .venv from the lock file",
            )
        )
    return found


def _packages() -> list[Finding]:
    """The pinned packages; those for training only as one finding."""
    pinned = _pins(ROOT / "requirements.lock")
    wrong = _differing(pinned)
    if not pinned:
        found = [Finding(Level.ERROR, "requirements.lock is missing", "$ git checkout -- .")]
    elif wrong:
        what = f"packages differ from requirements.lock: {', '.join(wrong)}"
        remedy = f"$ {sys.executable} -m pip install -r {ROOT / 'requirements.lock'}"
        found = [Finding(Level.ERROR, what, remedy)]
    else:
        found = [Finding(Level.OK, f"all {len(pinned)} packages of requirements.lock")]
    tensorflow = _version("tensorflow-cpu") or _version("tensorflow")
    if tensorflow:
        found.append(Finding(Level.OK, f"TensorFlow {tensorflow}"))
    else:
        remedy = "nothing to do: commands that train or convert install it (1.3 GB)"
        found.append(Finding(Level.NOTE, "TensorFlow is not installed", remedy))
    return found


def _toolchains() -> list[Finding]:
    found = []
    for package, what in (
        ("ziglang", "Zig's clang"),
        ("platformio", "PlatformIO"),
        ("unicorn", "Unicorn, the simulator's CPU"),
    ):
        version = _version(package)
        if version:
            found.append(Finding(Level.OK, f"{what} {version}"))
        else:
            remedy = f"$ {sys.executable} -m pip install {package}"
            found.append(Finding(Level.ERROR, f"{what} is not installed", remedy))
    return [*found, _gnu_arm()]


def _gnu_arm() -> Finding:
    if shutil.which("arm-none-eabi-gcc") is None:
        packages = "gcc-arm-none-eabi libnewlib-arm-none-eabi"
        remedy = f"only for `--toolchain gcc`:\n$ sudo apt install {packages}"
        return Finding(Level.NOTE, "GNU Arm Embedded is not on the PATH", remedy)
    try:
        output = tools.run(
            ["arm-none-eabi-gcc", "-dumpfullversion"], what="asking the compiler", timeout_s=5
        ).stdout.strip()
    except TinyDeployError as error:
        return Finding(Level.ERROR, f"arm-none-eabi-gcc: {error.message}", "install it again")
    major = re.match(r"\d+", output)
    if major is None or int(major[0]) < OLDEST_GCC:
        remedy = f"use version {OLDEST_GCC} or newer for `--toolchain gcc`"
        return Finding(Level.NOTE, f"GNU Arm Embedded {output} is old", remedy)
    if not tools.has_newlib("arm-none-eabi-gcc"):
        remedy = "only for `--toolchain gcc`:\n$ sudo apt install libnewlib-arm-none-eabi"
        return Finding(Level.NOTE, f"GNU Arm Embedded {output} has no C library (newlib)", remedy)
    return Finding(Level.OK, f"GNU Arm Embedded {output}")


def _optional_programs() -> list[Finding]:
    """What one command or another can use."""
    found = []
    if shutil.which("renode"):
        found.append(Finding(Level.OK, f"Renode at {shutil.which('renode')}"))
    else:
        remedy = "only for `--target renode`: https://renode.io"
        found.append(Finding(Level.NOTE, "Renode is not on the PATH", remedy))
    pyocd = _version("pyocd")
    if pyocd:
        found.append(Finding(Level.OK, f"pyOCD {pyocd}"))
    else:
        remedy = f"only for `--tool pyocd`:\n$ {sys.executable} -m pip install pyocd"
        found.append(Finding(Level.NOTE, "pyOCD is not installed", remedy))
    return found


def _disk() -> list[Finding]:
    folder = BUILD_DIR if BUILD_DIR.exists() else ROOT
    free_bytes = shutil.disk_usage(folder).free
    text = f"{free_bytes / 2**30:.1f} GiB free on the disk of {folder}"
    if free_bytes >= NEEDED_BYTES:
        return [Finding(Level.OK, text)]
    remedy = f"make room: training needs {NEEDED_BYTES / 2**30:.0f} GiB for its packages"
    return [Finding(Level.NOTE, text, remedy)]


def _ports(ports: list[PortInfo], probe: Probe | None) -> list[Finding]:
    if not ports:
        remedy = "connect a board with a cable that carries data; the simulator needs none"
        return [Finding(Level.NOTE, "no serial port", remedy)]
    return [finding for port in ports for finding in _port(port, probe)]


def _port(port: PortInfo, probe: Probe | None) -> list[Finding]:
    ids = (port.vendor_id, port.product_id)
    board, is_waiting = _on_usb(ids)
    name = _name(port, board, is_waiting)
    shown = f"{port.device}: {ids[0]:04x}:{ids[1]:04x} {name or port.description}"
    if port.serial_number:
        shown += f", serial number {port.serial_number}"
    if os.name == "posix" and not os.access(port.device, os.R_OK | os.W_OK):
        return [Finding(Level.ERROR, f"{shown}: no permission", _permission(port.device))]
    found = [Finding(Level.OK, shown)]
    if board and is_waiting:
        remedy = "flash it, or press reset once to start its firmware"
        found.append(_probed(port, partial(_bootloader, board), Level.NOTE, remedy))
    elif probe is not None and name:
        found.append(_probed(port, probe))
    return found


def _bootloader(board: Board, port: PortInfo) -> str:
    return flash.describe_bootloader(board, port.device)


def _probed(port: PortInfo, probe: Probe, level: Level = Level.OK, remedy: str = "") -> Finding:
    try:
        return Finding(level, f"{port.device}: {probe(port)}", remedy)
    except TinyDeployError as error:
        return Finding(Level.NOTE, f"{port.device}: {error.message}", error.hint)


def _on_usb(ids: tuple[int, int]) -> tuple[Board | None, bool]:
    """The board with these ids, and whether it is its bootloader that has them."""
    for board in map(boards.load, boards.names()):
        if board.usb and ids in board.usb.application_ids:
            return board, False
        if board.usb and ids in board.usb.bootloader_ids:
            return board, True
    return None, False


def _name(port: PortInfo, board: Board | None, is_waiting: bool) -> str:
    if board and board.usb:
        return board.usb.product + ", bootloader" * is_waiting
    if port.vendor_id in ADAPTERS:
        return f"{ADAPTERS[port.vendor_id]} adapter, perhaps of a SparkFun Edge"
    return ""


def _permission(device: str) -> str:
    """How to get access: the group that owns the port, or the udev rule."""
    try:
        import grp

        group = grp.getgrgid(os.stat(device).st_gid).gr_name
    except (ImportError, KeyError, OSError):
        group = "dialout"
    if group == "root":
        return f"install the udev rule:\n{_udev_commands()}"
    return f"join the group {group}, then log in again:\n$ sudo usermod -aG {group} $USER"


def _udev() -> list[Finding]:
    if not UDEV_RULES.parent.is_dir():
        return []  # not a system with udev
    if not UDEV_RULES.is_file():
        return [Finding(Level.NOTE, "no udev rule for the boards", _udev_commands())]
    if UDEV_RULES.read_bytes() == OUR_UDEV_RULES.read_bytes():
        return [Finding(Level.OK, f"udev rule {UDEV_RULES}")]
    return [Finding(Level.NOTE, f"udev rule {UDEV_RULES} is not the current one", _udev_commands())]


def _udev_commands() -> str:
    """Commands that install the rule; shown, never run."""
    return (
        f"$ sudo cp {OUR_UDEV_RULES} {UDEV_RULES}\n"
        "$ sudo udevadm control --reload && sudo udevadm trigger"
    )


def _modem_manager() -> list[Finding]:
    if not _runs("ModemManager"):
        return []
    remedy = (
        "it talks to new serial ports and may disturb flashing; the udev rule keeps it away, or\n"
        "$ sudo systemctl disable --now ModemManager"
    )
    return [Finding(Level.NOTE, "ModemManager is running", remedy)]


def _runs(program: str) -> bool:
    """Whether a process of that name runs, as far as /proc tells."""
    for name in Path("/proc").glob("[0-9]*/comm"):
        try:
            if name.read_text(encoding="utf-8", errors="replace").strip() == program:
                return True
        except OSError:
            continue  # it has just ended
    return False


def _pins(lock: Path) -> dict[str, str]:
    """Name and version of each package that a lock file pins for this Python, but for pip."""
    if not lock.is_file():
        return {}
    pins = {}
    for line in lock.read_text(encoding="utf-8").splitlines():
        match = re.match(r"([A-Za-z0-9._-]+)==([^\s;\\]+)\s*(?:;\s*([^\\]+))?", line)
        if match and match[1] != "pip" and _applies(match[3] or ""):
            pins[match[1]] = match[2]
    return pins


def _applies(marker: str) -> bool:
    """Whether an environment marker is for this Python; one about platforms counts as not."""
    match = re.fullmatch(r"python_full_version (<|>=) '3\.(\d+)'", marker.strip())
    if match is None:
        return not marker.strip()
    return (sys.version_info[1] < int(match[2])) == (match[1] == "<")


def _differing(pins: dict[str, str]) -> list[str]:
    """What is missing or has another version, as "name 1.2 instead of 1.3"."""
    wrong = []
    for name, wanted in pins.items():
        version = _version(name)
        if version != wanted:
            wrong.append(f"{name} {version or 'missing'} instead of {wanted}")
    return wrong


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
