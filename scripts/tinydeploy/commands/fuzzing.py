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
    from tinydeploy.errors import TinyDeployError
    from tinydeploy.fuzz.campaign import Count, Failure, Tally

PROGRESS_S = 10.0
DEFAULT_MINUTES = 5.0
COVERAGE_CASES = 4800
GUIDED = ("frames", "mlperf", "model", "usb")  # of `fuzz.guided`
FOREVER = 10_000_000  # cases


def add_commands(commands: common.Commands) -> None:
    """Add this area's commands."""
    _add_fuzz(commands)
    ops = common.add(commands, "ops", _ops, "the table of operators: types, engines, kernels")
    form = ops.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print docs/ops.md")
    form.add_argument("--json", action="store_true", help="print JSON, a row a combination")
    form.add_argument("--write", action="store_true", help="write docs/ops.md")
    form.add_argument("--check", action="store_true", help="fail if docs/ops.md is not current")


def _add_fuzz(commands: common.Commands) -> None:
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
    fuzz.add_argument(
        "--guided",
        choices=GUIDED,
        help="a door of the firmware instead, with libFuzzer, which learns what reaches new code; "
        "wants clang, and goes on with what the last run kept",
    )
    _add_record(fuzz)
    common.add_json(fuzz)


def _add_record(fuzz: argparse.ArgumentParser) -> None:
    fuzz.add_argument("--out", type=Path, help="folder of what fails (default: build/fuzz)")
    fuzz.add_argument(
        "--record", action="store_true", help="put the figures into docs/fuzz.json and .md"
    )
    fuzz.add_argument(
        "--record-from",
        type=Path,
        metavar="FILE",
        help="compare nothing, put the figures of a campaign's file (--resume) there, as far as it "
        "has come",
    )


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


def _fuzz(options: argparse.Namespace, ui: Ui) -> int:
    if options.coverage:
        return _coverage(options, ui)
    if options.hostile:
        return _hostile(options, ui)
    if options.guided:
        return _guided(options, ui)
    if options.record_from:
        return _record_from(options.record_from, options)
    from tinydeploy.errors import ParityError
    from tinydeploy.fuzz import cases, results

    _require_recordable(options)
    names = cases.subjects([name for name in options.ops.replace(",", " ").split() if name])
    where = f"{options.engine} on {options.target}"
    ui.say(f"{len(names)} subjects, seed {options.seed}; {escape(where)}")
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
            f"{len(tally.failures)} of {tally.total.cases} cases differ from TFLM",
            "the commands above run one of them again",
        )
        return _failed(error, options, ui)
    if not tally.total.ran:
        error = ParityError(
            f"nothing was compared: {_why_nothing(tally.total)}",
            "try more --cases, another --seed or --ops, or --engine both",
        )
        return _failed(error, options, ui)
    return 0


def _failed(error: TinyDeployError, options: argparse.Namespace, ui: Ui) -> int:
    """The exit code where the JSON already says what was found."""
    if not options.json:
        raise error
    ui.error(error)
    return error.exit_code


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


def _record_from(file: Path, options: argparse.Namespace) -> int:
    from tinydeploy.fuzz import results

    tally = _keep_campaign(file)
    common.print_result(options, results.of_tally(tally), *results.summary(tally.total))
    return 0


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

    cases, mutants = options.cases or COVERAGE_CASES, options.hostile or 0
    reached = coverage.run(cases, mutants, options.seed, _folder(options), _Progress(ui))
    rooms = coverage.by_room(reached)
    figures = record.of_coverage(rooms, coverage.missed(reached))
    common.print_result(options, figures, *coverage.table(rooms))
    if options.record:
        hostile = f" --hostile {mutants}" if mutants else ""
        command = f"tinydeploy fuzz --coverage --cases {cases}{hostile} --seed {options.seed}"
        record.keep(record.COVERED, f"{command} --record", figures)
    return 0


def _hostile(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.errors import DeviceFaultError
    from tinydeploy.fuzz import hostile, record

    def progress(found: hostile.Hostile) -> None:
        if found.mutants % 5000 == 0:
            ui.say(f"{found.mutants:,} mutants, {found.accepted:,} accepted")

    first, mutants = options.case or 0, 1 if options.case is not None else options.hostile
    found = hostile.run(mutants, options.seed, _folder(options), first=first, progress=progress)
    if options.record:
        command = f"tinydeploy fuzz --hostile {options.hostile} --seed {options.seed} --record"
        record.keep(record.DAMAGED, command, record.of_hostile(found))
    refused = found.mutants - found.accepted - found.endless - len(found.crashes)
    common.print_result(
        options,
        {**record.of_hostile(found), "crashes": found.crashes},
        f"{found.mutants:,} damaged models: {found.accepted:,} ran, {refused:,} refused, "
        f"{found.endless:,} had loops without end, {len(found.crashes)} findings",
    )
    for path, problem in found.crashes:
        print(f"\n{path}\n{problem}", file=sys.stderr)
    if found.crashes:
        error = DeviceFaultError(
            f"runtime or PC did not survive {len(found.crashes)} damaged models",
            "the sanitizer's words and the models are above",
        )
        return _failed(error, options, ui)
    return 0


def _guided(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.errors import DeviceFaultError
    from tinydeploy.fuzz import guided, record

    minutes = DEFAULT_MINUTES if options.minutes is None else options.minutes
    folder = _folder(options) / "guided"
    found = guided.run(options.guided, minutes, options.seed, folder)
    if options.record:
        command = f"tinydeploy fuzz --guided {options.guided} --minutes {minutes:g}"
        record.keep(record.guided(options.guided), command, record.of_guided(found))
    common.print_result(
        options,
        {"target": options.guided, **record.of_guided(found), "crashes": found.findings},
        f"{options.guided}: {found.inputs:,} inputs, {found.edges:,} edges reached, "
        f"{found.kept:,} inputs kept, {len(found.findings)} findings",
    )
    for path, words in found.findings:
        print(f"\n{path}\n{words}", file=sys.stderr)
    if found.findings:
        error = DeviceFaultError(
            f"{guided.TARGETS[options.guided].about}: {len(found.findings)} findings",
            "the sanitizer's words and the inputs are above",
        )
        return _failed(error, options, ui)
    return 0
