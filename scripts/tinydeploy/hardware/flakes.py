"""How often a test on a board failed and then passed: of this run, and of all runs so far."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path

from tinydeploy import whole
from tinydeploy.config import cache_dir
from tinydeploy.link.client import LinkStats


@dataclass
class Flakes:
    """Counts of one run.

    Attributes:
        runs: tests that used a board.
        flaky: those of them that passed only after the board was revived.
        resets: what revived boards, in order.
    """

    runs: int = 0
    flaky: list[str] = field(default_factory=list)
    resets: list[str] = field(default_factory=list)
    requests: int = 0
    retries: int = 0

    def add_link(self, stats: LinkStats) -> None:
        """Count what a connection went through."""
        self.requests += stats.requests
        self.retries += stats.retries

    def lines(self, all_runs: dict[str, int]) -> list[str]:
        """For the end of a run."""
        flaky, all_flaky, of_all = len(self.flaky), all_runs["flaky"], all_runs["runs"]
        found = [
            f"{self.runs} tests on boards, {flaky} flaky ({rate(flaky, self.runs)}); "
            f"all runs: {all_flaky} of {of_all} ({rate(all_flaky, of_all)})",
            f"{self.requests} requests, {self.retries} repeated "
            f"({rate(self.retries, self.requests)}); {len(self.resets)} resets",
        ]
        return found + [f"flaky: {name}" for name in self.flaky]


def rate(part: int, whole: int) -> str:
    """A percentage; a dash where there is nothing to count."""
    return f"{100 * part / whole:.2f} %" if whole else "-"


def history_file(where: str) -> Path:
    """Where the counts of all runs against "simulator", "host" or "device" are kept."""
    return cache_dir() / "flakes" / f"{where}.json"


def remember(flakes: Flakes, file: Path) -> dict[str, int]:
    """Add a run to the counts of all runs and return them."""
    total = {"runs": 0, "flaky": 0}
    if file.is_file():
        total.update(json.loads(file.read_text(encoding="utf-8")))
    total["runs"] += flakes.runs
    total["flaky"] += len(flakes.flaky)
    whole.write(file, json.dumps(total) + "\n")
    return total
