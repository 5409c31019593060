"""What a person sees while a command works: stages with their time, progress, warnings.

Everything goes to standard error, so that standard output is free for results and `--json`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from tinydeploy.errors import TinyDeployError


@dataclass
class Stage:
    """A stage under way; what it says of itself ends up behind its name."""

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
        self.say(f"[bold]{name:<9}[/bold][dim]{taken}[/dim]  {escape(stage.detail)}")

    @contextmanager
    def progress(self, what: str) -> Iterator[Callable[[int, int], None]]:
        """A bar for `done, total`; a pipe or a log file gets no bar."""
        if self.quiet or not self.console.is_terminal:
            yield lambda done, total: None
            return
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, TimeRemainingColumn(), console=self.console, transient=True) as bar:
            task = bar.add_task(what, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)

    def say(self, markup: str) -> None:
        """A line of rich markup, unless quiet."""
        if not self.quiet:
            self.console.print(markup, soft_wrap=True)

    def warn(self, text: str) -> None:
        """A line that matters even when quiet."""
        self.console.print(f"[yellow]warning:[/yellow] {escape(text)}", soft_wrap=True)

    def error(self, error: TinyDeployError) -> None:
        """What was seen and what to do."""
        self.console.print(f"[bold red]error:[/bold red] {escape(error.message)}", soft_wrap=True)
        if error.hint:
            self.console.print(f"[bold]hint:[/bold]  {escape(error.hint)}", soft_wrap=True)
