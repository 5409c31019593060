"""pip's output as one live line, or, not on a terminal, as a line for each large download."""

from __future__ import annotations

import re
import shutil
import sys
import threading
import time
from types import TracebackType

_LARGE_BYTES = 10e6
_REDRAW_S = 0.2
_BAR_WIDTH = 24
_UNITS = {"kB": 1e3, "MB": 1e6, "GB": 1e9, "bytes": 1.0}


class Progress:
    """Feed it pip's lines; a context manager, so that the line is wiped at the end."""

    def __init__(self, doing: str, packages: int = 1) -> None:
        self._doing = doing
        self._packages = packages  # in the lock; fewer by those for another Python or system
        self._seen = 0
        self._share: float | None = None  # of the present download
        self._is_live = sys.stderr.isatty()
        self._started = time.monotonic()
        self._stopped = threading.Event()
        self._ticker = threading.Thread(target=self._tick, daemon=True)

    def __enter__(self) -> Progress:
        if self._is_live:
            self._ticker.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopped.set()
        if self._is_live:
            self._ticker.join()
            self._draw("")

    def feed(self, line: str) -> None:
        """Take one line of pip's output."""
        words = line.split()
        if line.startswith("Ignoring "):
            self._packages -= 1
        elif line.startswith(("Collecting ", "Processing ", "Requirement already satisfied: ")):
            self._seen += 1
            self._now(f"fetching {_package_of(line)}")
        elif match := re.match(r"\s+(?:Downloading|Using cached) (\S+) \(([\d.]+) (\w+)\)", line):
            name, size, unit = match.groups()
            self._now(f"downloading {_package_of(name)}, {size} {unit}")
            if float(size) * _UNITS.get(unit, 1.0) >= _LARGE_BYTES:
                self._report(self._doing)
        elif len(words) == 4 and words[0] == "Progress" and words[1].isdigit():
            self._share = int(words[1]) / max(int(words[3]), 1) if words[3].isdigit() else None
        elif line.startswith("Installing collected packages: "):
            self._seen = self._packages
            self._now(
                f"unpacking {', '.join(words[3:])}"
                if len(words) == 4
                else f"unpacking {len(words) - 3} packages"
            )
            self._report(self._doing)

    def _now(self, doing: str) -> None:
        self._doing, self._share = doing, None

    def _report(self, text: str) -> None:
        if not self._is_live:
            print(f"  {text}", file=sys.stderr, flush=True)

    def _tick(self) -> None:
        while not self._stopped.wait(_REDRAW_S):
            self._draw(self._line())

    def _line(self) -> str:
        part = self._seen + (self._share or 0) - (self._share is not None)
        filled = round(_BAR_WIDTH * min(part / max(self._packages, 1), 1))
        bar = "█" * filled + "░" * (_BAR_WIDTH - filled)
        share = f" {self._share:4.0%}" if self._share is not None else ""
        elapsed_s = time.monotonic() - self._started
        return f"  {bar} {self._seen}/{self._packages}  {self._doing}{share}  {elapsed_s:.0f} s"

    def _draw(self, text: str) -> None:
        columns = shutil.get_terminal_size().columns - 1  # a line that wraps could not be redrawn
        sys.stderr.write("\r\x1b[K" + text[:columns])
        sys.stderr.flush()


def _package_of(text: str) -> str:
    """Name and version in one of pip's lines or in a wheel's file name."""
    words = text.removeprefix("Requirement already satisfied: ").split()
    name = words[0] if len(words) == 1 or "==" in words[0] else words[1]
    return "-".join(name.rsplit("/", 1)[-1].split("-")[:2]).replace("==", " ").replace("-", " ")
