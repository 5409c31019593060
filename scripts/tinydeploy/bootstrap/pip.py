"""Runs pip on a lock file, and says in one line what went wrong when it fails."""

from __future__ import annotations

import ast
import os
import platform
import re
import subprocess
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tinydeploy import supervise
from tinydeploy.bootstrap.progress import Progress
from tinydeploy.errors import SetupError

_KEPT_CHARACTERS = 20_000  # of the output, to find the reason in

# A user's settings of how to reach an index. All others (dry-run, target, constraint, no-deps, ...)
# would install something else or elsewhere, and are left out, in variables and in files.
_ACCESS = (
    *("cache-dir", "cert", "client-cert", "default-timeout", "extra-index-url", "find-links"),
    *("index-url", "keyring-provider", "no-cache-dir", "no-index", "proxy", "resume-retries"),
    *("retries", "timeout", "trusted-host", "use-deprecated", "use-feature"),
)
_SECTIONS = ("global", "install", ":env:")  # the later wins
_SETTINGS = {
    "PIP_CONFIG_FILE": os.devnull,
    "PIP_USER": "0",
    "PIP_NO_INPUT": "1",
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_ROOT_USER_ACTION": "ignore",
    "PYTHONUNBUFFERED": "1",
    "PYTHONUTF8": "1",
}


def install(pip: Sequence[str], lock: Path, log: Path, progress: Progress) -> None:
    """Install the pins of `lock`, hashes checked, wheels only.

    Args:
        pip: the command that starts pip.
        log: file that gets all of its output, appended.

    Raises:
        SetupError: with the reason, as far as the output tells.
    """
    command = [*pip, "install", "--require-hashes", "--only-binary", ":all:"]
    command += ["--progress-bar", "raw" if _shows_raw_progress(pip) else "off"]
    lines: list[str] = []
    command += ["--requirement", str(lock)]
    code = run_logged(command, log, lines, progress.feed, access_settings(pip))
    if code:
        output = "".join(lines)[-_KEPT_CHARACTERS:]
        reason = next((line for line in reversed(lines) if line.startswith("ERROR: ")), "")
        raise failure(
            output,
            SetupError(
                f"pip failed: {reason.removeprefix('ERROR: ').strip() or last_line(output)}",
                f"all that it said is in {log}",
            ),
        )


def access_settings(pip: Sequence[str]) -> dict[str, str]:
    """The user's settings of how to reach an index, in pip's files or variables, as variables."""
    told = subprocess.run(
        [*pip, "config", "list"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    found: dict[str, str] = {}
    for section in _SECTIONS:
        for name, value in re.findall(rf"^{section}\.([\w-]+)=(.*)$", told.stdout, re.MULTILINE):
            text = " ".join(str(ast.literal_eval(value)).split())
            if name in _ACCESS and text:  # pip, too, takes an empty one for none
                found["PIP_" + name.upper().replace("-", "_")] = text
    if found.get("PIP_RETRIES") == "0":  # then pip does not say that it has reached nobody
        found["PIP_RETRIES"] = "1"
    return found


def run_logged(
    command: Sequence[str],
    log: Path,
    lines: list[str] | None = None,
    feed: Callable[[str], None] | None = None,
    settings: Mapping[str, str] | None = None,
) -> int:
    """Run a command, append its output to `log` and, line by line, to `lines` and `feed`."""
    variables = {k: v for k, v in os.environ.items() if not k.startswith("PIP_")}
    variables |= {**(settings or {}), **_SETTINGS}
    with log.open("a", encoding="utf-8") as file:
        file.write(f"$ {' '.join(command)}\n")
        with subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            text=True,
            encoding="utf-8",
            errors="replace",
            env=variables,
            preexec_fn=partial(supervise.guard, os.getpid()) if os.name == "posix" else None,
        ) as process:
            assert process.stdout is not None
            try:
                for line in process.stdout:
                    if not line.startswith("Progress "):
                        file.write(line)
                        if lines is not None:
                            lines.append(line)
                    if feed:
                        feed(line)
            except BaseException:  # Ctrl-C, which pip has not heard where it was meant for us alone
                process.send_signal(supervise.END)
                raise
        return process.returncode


def failure(output: str, otherwise: SetupError) -> SetupError:
    """The error that `output` of pip or venv tells of, or `otherwise`."""
    for pattern, message, hint in _REASONS:
        if match := re.search(pattern, output):
            groups = {f"g{i}": text for i, text in enumerate(match.groups())}
            return SetupError(message.format(**groups, **_PLACE), hint.format(**groups, **_PLACE))
    return otherwise


_PLACE = {
    "python": platform.python_version(),
    "machine": f"{platform.system()} {platform.machine()}",
    "temporary": tempfile.gettempdir(),
}

# First match wins: a pip without network also finds no distribution.
_REASONS = (
    (
        r"No space left on device|Errno 28\b|Disk quota exceeded",
        "the disk is full",
        "free some space where the checkout is and in {temporary} (or set TMPDIR); "
        "the next run goes on from here",
    ),
    (
        r"CERTIFICATE_VERIFY_FAILED|SSLCertVerificationError",
        "the package index shows a certificate that this machine does not trust",
        "behind a company proxy, point PIP_CERT at its certificate; also check the clock",
    ),
    (
        r"Max retries exceeded|Failed to establish a new connection|ConnectTimeout|ReadTimeout|"
        r"Temporary failure in name resolution|Name or service not known|Connection refused|"
        r"ProxyError|Network is unreachable|connection broken by",
        "cannot reach the package index",
        "check the network, or the proxy and index settings of pip (`pip config list`); "
        "the next run goes on from here",
    ),
    (
        r"DO NOT MATCH THE HASHES",
        "a downloaded package is not the one that the lock file pins (its hash differs)",
        "try again; if it stays so, the package index or a proxy on the way changes files",
    ),
    (
        r"\(from versions: none\)[\s\S]*No matching distribution found for (\S+)",
        "the package index has no {g0}, nor any other version of it: is it one?",
        "`pip config list` shows its address, PIP_INDEX_URL sets it; then run it again",
    ),
    (
        r"No matching distribution found for (\S+)",
        "{g0} has no package for Python {python} on {machine}",
        "Python 3.10 to 3.13 on Linux x86-64 has all packages; is your package index complete?",
    ),
    (
        r"(?:Permission denied|Read-only file system): '?([^'\n]*)",
        "cannot write to {g0}",
        "clone into a folder that you can write to, or mend its permissions",
    ),
    (
        r"No module named '?(?:pip|ensurepip)\b",
        "pip does not work in .venv",
        "remove the folder .venv and run again",
    ),
)


def pin_of_pip(lock: Path) -> str:
    """The lines of a lock file that pin pip itself, hashes included."""
    match = re.search(r"^pip==.*\n(?: .*\n)*", lock.read_text(encoding="utf-8"), re.MULTILINE)
    if not match:
        raise SetupError(f"{lock} does not pin pip", "make it anew: `bash scripts/lock.sh`")
    return match[0]


def count_pins(lock: Path) -> int:
    """How many packages a lock file pins, those for other Pythons included."""
    return len(re.findall(r"^\w[^\n]*==", lock.read_text(encoding="utf-8"), re.MULTILINE))


def last_line(output: str) -> str:
    """The last line that says something."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "")


def _shows_raw_progress(pip: Sequence[str]) -> bool:
    """Whether this pip is 24.1 or newer."""
    result = subprocess.run(
        [*pip, "--version"], capture_output=True, text=True, check=False, env=os.environ | _SETTINGS
    )
    match = re.match(r"pip (\d+)\.(\d+)", result.stdout)
    return match is not None and (int(match[1]), int(match[2])) >= (24, 1)
