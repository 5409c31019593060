"""`fuzz`: random models against TFLM, and what of the kernels they reach."""

from __future__ import annotations

import argparse
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING

from rich.markup import escape

from tinydeploy.commands import common, fuzz_attacks
from tinydeploy.commands.fuzz_attacks import DEFAULT_MINUTES
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from tinydeploy.fuzz.campaign import Count, Failure, Tally

PROGRESS_S = 10.0
COVERAGE_CASES = 4800
FOREVER = 10_000_000  # cases


def add(commands: common.Commands) -> None:
    """Add the command."""
    fuzz = common.add(
        commands, "fuzz", _fuzz, "random models against TFLM, to the last bit, on every engine"
    )
    fuzz.add_argument(
        "--ops",
        default="",
        metavar="NAMES",
        help="operators separated by commas, and `graph` for whole graphs (default: all "
        "that TFLM has; each with each combination of types in turn)",
    )
    common.add_seed(fuzz)
    fuzz.add_argument("--minutes", type=float, help=f"how long (default: {DEFAULT_MINUTES:g})")
    fuzz.add_argument(
        "--cases", type=common.positive, metavar="N", help="how many instead of how long"
    )
    fuzz.add_argument(
        "--case", type=common.natural, metavar="K", help="this case alone: a reproducer"
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
    common.add_findings(fuzz)
    campaigns = fuzz.add_subparsers(dest="campaign", metavar="CAMPAIGN", title="other campaigns")
    fuzz_attacks.add_campaigns(campaigns)
    _add_coverage(campaigns)
    _add_recorded(campaigns)


def _add_coverage(campaigns: common.Commands) -> None:
    coverage = common.add(
        campaigns,
        "coverage",
        _coverage,
        "which lines and branches of the kernels models reach on this PC, by gcov",
    )
    coverage.add_argument(
        "--cases",
        type=common.positive,
        default=COVERAGE_CASES,
        metavar="N",
        help="models (default: %(default)s)",
    )
    coverage.add_argument(
        "--hostile",
        type=common.natural,
        default=0,
        metavar="N",
        help="and damaged ones (default: %(default)s)",
    )
    common.add_seed(coverage)
    common.add_findings(coverage)


def _add_recorded(campaigns: common.Commands) -> None:
    recorded = common.add(
        campaigns,
        "record",
        _record,
        "compare nothing: the figures of a campaign's file (--resume) into docs/fuzz.json and .md, "
        "as far as it has come",
    )
    recorded.add_argument("file", type=Path, metavar="FILE", help="of the campaign")
    common.add_json(recorded)


def _fuzz(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.errors import ParityError
    from tinydeploy.fuzz import cases, results

    _require_recordable(options)
    names = cases.subjects([name for name in options.ops.replace(",", " ").split() if name])
    where = f"{options.engine} on {options.target}"
    ui.say(f"{len(names)} subjects, seed {options.seed}; {escape(where)}")
    own = cases.judged_by_reference(names)
    judge = "TFLM or their reference" if own else "TFLM"
    if own:
        ui.say(f"TFLM has no {escape(', '.join(own))}: compared with the Python reference")
    in_chunks = options.jobs > 1 or options.resume or options.record
    tally = (_chunks if in_chunks else _one_process)(options, names, ui)
    failures = [_shown(failure, options) for failure in tally.failures]
    common.print_result(
        options,
        {"seed": options.seed, "ops": options.ops, **results.of_tally(tally)},
        *results.summary(tally.total),
        *failures,
    )
    if tally.failures:
        error = ParityError(
            f"{len(tally.failures)} of {tally.total.cases} cases differ from {judge}",
            "the commands above run one of them again",
        )
        return common.failed(error, options, ui)
    if not tally.total.ran:
        error = ParityError(
            f"nothing was compared: {_why_nothing(tally.total)}",
            "try more --cases, another --seed or --ops, or --engine both",
        )
        return common.failed(error, options, ui)
    return 0


def _why_nothing(total: Count) -> str:
    """Where all the cases went."""
    if total.cases == total.refused_by_tflm + total.crashed_tflm:
        return f"TFLM took none of {total.cases:,} cases"
    return f"no engine took any of {total.cases:,} cases"


def _one_process(options: argparse.Namespace, names: list[str], ui: Ui) -> Tally:
    from tinydeploy.fuzz import campaign, engines

    used = engines.engines(options.engine, options.target)
    plan = campaign.Campaign(names, options.seed, used, common.findings_folder(options))
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
    where = (options.engine, options.target, common.findings_folder(options))
    task = parallel.Task(tuple(names), options.seed, cases, *where)
    ops = "".join(c if c.isalnum() else "_" for c in options.ops) or "all"
    file = task.folder / f"campaign_{ops}_seed{options.seed}.json"
    if not options.resume:
        file.unlink(missing_ok=True)
    kept = file if options.resume or options.record else None
    tally = parallel.run(task, options.jobs, kept=kept, seconds=seconds, progress=_Progress(ui))
    if options.record:
        _keep_campaign(file)
    return tally


def _require_recordable(options: argparse.Namespace) -> None:
    """Another run of the same command must count the same.

    Raises:
        UsageError: it would not.
    """
    from tinydeploy.errors import UsageError

    whole = options.engine == options.target == "both" and options.case is None
    if options.record and not (whole and options.cases and options.ops in ("", "graph")):
        raise UsageError(
            "--record wants --cases, both engines and targets, and all operators or --ops graph",
            "the figures in docs/fuzz.md must come out the same again",
        )


def _keep_campaign(file: Path) -> Tally:
    """Put what a campaign's file holds into the documents."""
    from tinydeploy.errors import UsageError
    from tinydeploy.fuzz import cases, parallel, record

    found = parallel.load(file)
    graphs = found.tally.subjects.keys() == {cases.GRAPH}
    names = set(cases.subjects(["graph"] if graphs else []))
    if found.tally.total.ran.keys() != set(record.ENGINES) or found.tally.subjects.keys() != names:
        raise UsageError(
            f"{file} is of some engines or subjects only",
            "what is recorded compares both engines on both targets, and has met all subjects",
        )
    ops = " --ops graph" if graphs else ""
    told = {**record.of_tally(found.tally), "commit": found.commit, "missing": found.missing}
    record.keep(
        record.GRAPHS if graphs else record.OPERATORS,
        f"tinydeploy fuzz{ops} --cases {found.end} --seed {found.seed} --record",
        told,
        found.seed,
    )
    return found.tally


def _record(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.fuzz import results

    tally = _keep_campaign(options.file)
    common.print_result(options, results.of_tally(tally), *results.summary(tally.total))
    return 0


def _extent(options: argparse.Namespace) -> tuple[int, int | None, float | None]:
    """First case, how many of them, seconds."""
    if options.case is not None:
        return options.case, 1, None
    if options.cases is not None:
        return 0, options.cases, None if options.minutes is None else options.minutes * 60
    return 0, None, 60 * (DEFAULT_MINUTES if options.minutes is None else options.minutes)


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


def _shown(failure: Failure, options: argparse.Namespace) -> str:
    """A difference and the command that shows it again."""
    ops = f" --ops {shlex.quote(options.ops)}" if options.ops else ""
    engine, _, target = failure.engine.partition(" on ")
    again = (
        f"tinydeploy fuzz{ops} --seed {options.seed} --case {failure.number} "
        f"--engine {engine} --target {target}"
    )
    head = f"\ncase {failure.number}, {failure.engine}: {failure.label}"
    return "\n  ".join([head, failure.why, again, *map(str, failure.files)])


def _coverage(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.fuzz import coverage, record

    cases, mutants = options.cases, options.hostile
    folder = common.findings_folder(options)
    reached = coverage.run(cases, mutants, options.seed, folder, _Progress(ui))
    rooms = coverage.by_room(reached)
    figures = record.of_coverage(rooms, coverage.missed(reached))
    common.print_result(options, figures, *coverage.table(rooms))
    if options.record:
        hostile = f" --hostile {mutants}" if mutants else ""
        command = f"tinydeploy fuzz coverage --cases {cases}{hostile} --seed {options.seed}"
        record.keep(record.COVERED, f"{command} --record", figures)
    return 0
