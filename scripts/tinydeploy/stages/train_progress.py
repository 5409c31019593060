"""How far training is: a bar on a terminal, a line now and then in a log file."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from tinydeploy.models import Progress

_LINE_INTERVAL_S = 10.0


@contextmanager
def shown(stream: TextIO | None = None) -> Iterator[Progress]:
    """A progress function that writes to `stream`, standard error by default."""
    stream = stream or sys.stderr
    if not stream.isatty():
        yield _Lines(stream)
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    console = Console(file=stream)
    with Progress(*columns, TimeRemainingColumn(), console=console, transient=True) as bar:
        task = bar.add_task("", total=None)
        yield lambda what, done, total: bar.update(
            task, description=what, completed=done, total=total
        )


class _Lines:
    """A line at the start and the end of each piece of work, and every ten seconds."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._next_s = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now_s = time.monotonic()
        if done < total and now_s < self._next_s:
            return
        self._next_s = now_s + _LINE_INTERVAL_S
        print(f"{what}  {done}/{total}", file=self._stream, flush=True)
