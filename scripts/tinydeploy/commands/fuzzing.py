"""`fuzz`, `ops` and `flash-cost`: what the operators are worth, compute and cost."""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from tinydeploy import whole
from tinydeploy.commands import common
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from tinydeploy.fuzz.campaign import Count, Failure, Tally

PROGRESS_S = 10.0
DEFAULT_MINUTES = 5.0
COVERAGE_CASES = 4800
FOREVER = 10_000_000  # cases


def add_commands(commands: common.Commands) -> None:
    """Add this area's commands."""
    fuzz = common.add(
        commands, "fuzz", _fuzz, "random models against TFLM, to the last bit, on every engine"
    )
    fuzz.add_argument(
        "--ops",
        default="",
        metavar="NAMES",
        help="operators separated by commas, and `graph` for whole graphs (default: all; each "
        "with each combination of types in turn)",
    )
    fuzz.add_argument(
        "--seed", type=common.natural, default=1, help="of all choices (default: %(default)s)"
    )
    fuzz.add_argument("--minutes", type=float, help=f"how long (default: {DEFAULT_MINUTES:g})")
    fuzz.add_argument(
        "--cases", type=common.positive, metavar="N", help="how many instead of how long"
    )
    fuzz.add_argument(
        "--case", type=common.natural, metavar="K", help="this case alone: a reproducer"
    )
    fuzz.add_argument(
        "--coverage",
        action="store_true",
        help="which lines and branches of the kernels --cases models and --hostile damaged ones "
        "reach on this PC, by gcov",
    )
    fuzz.add_argument(
        "--jobs", type=common.positive, default=1, metavar="N", help="processes (default: 1)"
    )
    fuzz.add_argument(
        "--resume",
        action="store_true",
        help="go on where the same command was stopped; its figures are kept in the folder of what "
        "fails, by whole batches",
    )
    fuzz.add_argument("--engine", choices=("interpreter", "compiled", "both"), default="both")
    fuzz.add_argument("--target", choices=("host", "simulator", "both"), default="both")
    fuzz.add_argument(
        "--hostile",
        type=common.positive,
        metavar="N",
        help="N damaged models, with sanitizers, instead",
    )
    fuzz.add_argument("--out", type=Path, help="folder of what fails (default: build/fuzz)")
    fuzz.add_argument(
        "--record", action="store_true", help="put the figures into docs/fuzz.json and .md"
    )
    ops = common.add(commands, "ops", _ops, "the table of operators: types, engines, kernels")
    form = ops.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print docs/ops.md")
    form.add_argument("--json", action="store_true", help="print JSON, a row a combination")
    form.add_argument("--write", action="store_true", help="write docs/ops.md")
    form.add_argument("--check", action="store_true", help="fail if docs/ops.md is not current")


def _ops(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.errors import SetupError
    from tinydeploy.fuzz import table

    rows = table.rows()
    if options.write:
        whole.write(table.DOCUMENT, table.to_markdown(rows))
    elif options.check:
        if not table.is_current(rows):
            raise SetupError("docs/ops.md is not what the code says", "run: tinydeploy ops --write")
    elif options.markdown or options.json:
        print((table.to_markdown if options.markdown else table.to_json)(rows).rstrip())
    else:
        print(table.to_text(rows))


def _fuzz(options: argparse.Namespace, ui: Ui) -> None:
    if options.coverage:
        _coverage(options, ui)
        return
    if options.hostile:
        _hostile(options, ui)
        return
    from tinydeploy.errors import ParityError
    from tinydeploy.fuzz import cases, record

    part = _part(options)
    names = cases.subjects([name for name in options.ops.replace(",", " ").split() if name])
    where = f"{options.engine} on {options.target}"
    ui.say(f"{len(names)} subjects, seed {options.seed}; {escape(where)}")
    tally = (_chunks if options.jobs > 1 or options.resume else _one_process)(options, names, ui)
    if options.record:
        command = _command(options, tally.total.cases)
        record.keep(part, command, record.of_tally(tally), options.seed)
    _print_summary(tally.total)
    for failure in tally.failures:
        _print_failure(failure, options)
    if tally.failures:
        raise ParityError(
            f"{len(tally.failures)} of {tally.total.cases} cases differ from TFLM",
            "the commands above run one of them again",
        )
    if not tally.total.ran:
        raise ParityError(
            f"nothing was compared: {_why_nothing(tally.total)}",
            "try more --cases, another --seed or --ops, or --engine both",
        )


def _why_nothing(total: Count) -> str:
    """Where all the cases went."""
    if total.cases == total.refused_by_tflm + total.crashed_tflm:
        return f"TFLM took none of {total.cases:,} cases"
    return f"no engine took any of {total.cases:,} cases"


def _one_process(options: argparse.Namespace, names: list[str], ui: Ui) -> Tally:
    from tinydeploy.fuzz import campaign, engines

    used = engines.engines(options.engine, options.target)
    plan = campaign.Campaign(names, options.seed, used, _folder(options))
    first, count, seconds = _extent(options)
    return plan.run(first=first, cases=count, seconds=seconds, progress=_Progress(ui))


def _chunks(options: argparse.Namespace, names: list[str], ui: Ui) -> Tally:
    """In several processes, or one that goes on where it was stopped."""
    from tinydeploy.errors import UsageError
    from tinydeploy.fuzz import engines, parallel

    first, count, seconds = _extent(options)
    if first or (options.resume and options.cases is None):
        raise UsageError("--jobs and --resume want --cases or --minutes", "and not --case")
    whole = -(-(count or FOREVER) // engines.BATCH) * engines.BATCH
    cases = whole if options.resume or count is None else count
    where = (options.engine, options.target, _folder(options))
    task = parallel.Task(tuple(names), options.seed, cases, *where)
    ops = "".join(c if c.isalnum() else "_" for c in options.ops) or "all"
    kept = task.folder / f"campaign_{ops}_seed{options.seed}.json" if options.resume else None
    return parallel.run(task, options.jobs, kept=kept, seconds=seconds, progress=_Progress(ui))


def _part(options: argparse.Namespace) -> str:
    """What `--record` keeps the figures as.

    Raises:
        UsageError: another run of the same command would not count the same.
    """
    from tinydeploy.errors import UsageError
    from tinydeploy.fuzz import record

    parts = {"": record.OPERATORS, "graph": record.GRAPHS}
    whole = options.engine == options.target == "both" and options.case is None
    if options.record and not (whole and options.cases and options.ops in parts):
        raise UsageError(
            "--record wants --cases, both engines and targets, and all operators or --ops graph",
            "the figures in docs/fuzz.md must come out the same again",
        )
    return parts.get(options.ops, "")


def _command(options: argparse.Namespace, cases: int = 0) -> str:
    """The command line that makes the same figures again."""
    extent = f"--hostile {options.hostile}" if options.hostile else f"--cases {cases}"
    ops = f" --ops {options.ops}" if options.ops else ""
    return f"tinydeploy fuzz{ops} {extent} --seed {options.seed} --record"


def _extent(options: argparse.Namespace) -> tuple[int, int | None, float | None]:
    """First case, how many of them, seconds."""
    if options.case is not None:
        return options.case, 1, None
    if options.cases is not None:
        return 0, options.cases, None if options.minutes is None else options.minutes * 60
    return 0, None, 60 * (DEFAULT_MINUTES if options.minutes is None else options.minutes)


def _folder(options: argparse.Namespace) -> Path:
    from tinydeploy.config import BUILD_DIR

    folder: Path = options.out or BUILD_DIR / "fuzz"
    return folder


class _Progress:
    """A line every few seconds."""

    def __init__(self, ui: Ui) -> None:
        self._ui = ui
        self._next = time.monotonic() + PROGRESS_S
        self._started = time.monotonic()

    def __call__(self, tally: Tally) -> None:
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PROGRESS_S
            total = tally.total
            rate = 60 * total.cases / (now - self._started)
            self._ui.say(
                f"{total.cases:,} cases, {rate:,.0f} a minute, {sum(total.ran.values()):,} "
                f"comparisons, {len(tally.failures)} differ"
            )


def _print_summary(total: Count) -> None:
    print(
        f"{total.cases:,} cases; TFLM refused {total.refused_by_tflm:,} and did not survive "
        f"{total.crashed_tflm:,}"
    )
    for engine in sorted({*total.ran, *total.refused}):
        left = f", {total.refused[engine]:,} not taken" if total.refused[engine] else ""
        wrong = total.differ[engine]
        print(f"  {engine:<26}{total.ran[engine]:>8,} compared, {wrong} differ{left}")


def _print_failure(failure: Failure, options: argparse.Namespace) -> None:
    ops = f" --ops {shlex.quote(options.ops)}" if options.ops else ""
    engine, _, target = failure.engine.partition(" on ")
    print(f"\ncase {failure.number}, {failure.engine}: {failure.label}\n  {failure.why}")
    print(
        f"  tinydeploy fuzz{ops} --seed {options.seed} --case {failure.number} "
        f"--engine {engine} --target {target}"
    )
    for path in failure.files:
        print(f"  {path}")


def _coverage(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.fuzz import coverage, record

    cases, mutants = options.cases or COVERAGE_CASES, options.hostile or 0
    reached = coverage.run(cases, mutants, options.seed, _folder(options), _Progress(ui))
    rooms = coverage.by_room(reached)
    for room, (lines, seen, branches, taken) in rooms.items():
        print(f"{room:<28}{seen:>6,} of {lines:>6,} lines {taken:>6,} of {branches:>6,} branches")
    if options.record:
        hostile = f" --hostile {mutants}" if mutants else ""
        command = f"tinydeploy fuzz --coverage --cases {cases}{hostile} --seed {options.seed}"
        figures = record.of_coverage(rooms, coverage.missed(reached))
        record.keep(record.COVERED, f"{command} --record", figures)


def _hostile(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.errors import DeviceFaultError
    from tinydeploy.fuzz import hostile, record

    def progress(found: hostile.Hostile) -> None:
        if found.mutants % 5000 == 0:
            ui.say(f"{found.mutants:,} mutants, {found.accepted:,} accepted")

    first, mutants = options.case or 0, 1 if options.case is not None else options.hostile
    found = hostile.run(mutants, options.seed, _folder(options), first=first, progress=progress)
    if options.record:
        record.keep(record.DAMAGED, _command(options), record.of_hostile(found))
    refused = found.mutants - found.accepted - found.endless - len(found.crashes)
    print(
        f"{found.mutants:,} damaged models: {found.accepted:,} ran, {refused:,} refused, "
        f"{found.endless:,} had loops without end, {len(found.crashes)} findings"
    )
    for path, problem in found.crashes:
        print(f"\n{path}\n{problem}", file=sys.stderr)
    if found.crashes:
        raise DeviceFaultError(
            f"the runtime did not survive {len(found.crashes)} damaged models",
            "the sanitizer's words and the models are above",
        )
