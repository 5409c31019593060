"""What a person sees while a command works: stages with their time, progress, warnings.

Everything goes to standard error, so that standard output is free for results and `--json`.
"""

from __future__ import annotations

import os
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from tinydeploy.errors import TinyDeployError
from tinydeploy.foreign import shown_lines


def _text(text: str) -> str:
    """Markup of a text that may hold whatever a file, a tool or a device said."""
    return escape(shown_lines(text))


FILE_WIDTH = 100  # of tables that go to a file or a pipe
_LONG_TEXT, _BETWEEN_COLUMNS = 24, 3
LINE_EVERY_S = 10.0  # of progress, where there is no terminal to draw a bar on


def terminal_width() -> int:
    """Columns of the terminal that standard output goes to; COLUMNS has the last word."""
    columns = os.environ.get("COLUMNS", "")
    if not columns.isdigit() and not sys.stdout.isatty():
        return FILE_WIDTH
    return shutil.get_terminal_size((FILE_WIDTH, 24)).columns


def fitted(table: Table, width: int, drop: Sequence[str]) -> Table:
    """`table` for `width` columns: without those of `drop`, one by one, until it fits.

    Where it does not fit even then, a line for each cell.
    """
    for name in drop:
        if _width_of(table) <= width:
            return table
        table = _without(table, name)
    return table if _width_of(table) <= width else _on_end(table)


def _width_of(table: Table) -> int:
    """Columns that it takes; text longer than _LONG_TEXT may be broken."""
    longest = (max(map(_length, (c.header, *c.cells)), default=0) for c in table.columns)
    return sum(min(length, _LONG_TEXT) + _BETWEEN_COLUMNS for length in longest)


def _length(cell: object) -> int:
    return len(cell.plain) if isinstance(cell, Text) else len(str(cell))


def _without(table: Table, name: str) -> Table:
    """A copy without the column `name`."""
    new = Table(title=table.title, title_justify="left", title_style="bold", box=table.box)
    kept = [column for column in table.columns if column.header != name]
    for column in kept:
        new.add_column(column.header, justify=column.justify, no_wrap=column.no_wrap)
    for row, *cells in zip(table.rows, *(column.cells for column in kept), strict=True):
        new.add_row(*cells, style=row.style)
    return new


def _on_end(table: Table) -> Table:
    new = Table(title=table.title, title_justify="left", title_style="bold", box=None)
    new.show_header = False
    new.add_column(style="dim")
    new.add_column()
    for cells in zip(*(column.cells for column in table.columns), strict=True):
        for column, cell in zip(table.columns, cells, strict=True):
            new.add_row(str(column.header), cell)
        new.add_row()
    return new


@dataclass
class Stage:
    """A stage under way; what it says of itself is shown after its name."""

    name: str
    detail: str = ""
    cached: bool = False


@dataclass(frozen=True)
class StageTime:
    """A finished stage."""

    name: str
    seconds: float
    cached: bool


@dataclass
class Ui:
    """Prints to standard error; silent but for warnings and errors when `quiet`."""

    quiet: bool = False
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    times: list[StageTime] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[Stage]:
        """Time a stage and print a line for it when it is done."""
        stage, started = Stage(name), time.perf_counter()
        if not self.quiet and self.console.is_terminal:
            with self.console.status(f"{name} …"):
                yield stage
        else:
            yield stage
        seconds = time.perf_counter() - started
        self.times.append(StageTime(name, seconds, stage.cached))
        taken = "  unchanged" if stage.cached else f"{seconds:7.1f} s"
        self.say(f"[bold]{name:<9}[/bold][dim]{taken}[/dim]  {_text(stage.detail)}")

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar for `done, total`; a pipe or a log file gets a line now and then."""
        if self.quiet:
            yield lambda done, total: None
            return
        if not self.console.is_terminal:
            yield self._told_slowly(what)
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def _told_slowly(self, what: str) -> Callable[[int, int], None]:
        said_s = time.monotonic()

        def tell(done: int, total: int) -> None:
            nonlocal said_s
            if time.monotonic() - said_s >= LINE_EVERY_S:
                said_s = time.monotonic()
                self.say(escape(f"{what}: {done:,} of {total:,}"))

        return tell

    def say(self, markup: str) -> None:
        """A line of rich markup, unless quiet."""
        if not self.quiet:
            self.console.print(shown_lines(markup), soft_wrap=True)

    def warn(self, text: str) -> None:
        """A line that matters even when quiet."""
        self.console.print(f"[yellow]warning:[/yellow] {_text(text)}", soft_wrap=True)

    def error(self, error: TinyDeployError) -> None:
        """What was seen and what to do."""
        self.console.print(f"[bold red]error:[/bold red] {_text(error.message)}", soft_wrap=True)
        if error.hint:
            self.console.print(f"[bold]hint:[/bold]  {_text(error.hint)}", soft_wrap=True)
