"""`fuzz hostile`, `guided`, `frames` and `slots`: what the firmware must survive."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tinydeploy.commands import common
from tinydeploy.ui import Ui

DEFAULT_MINUTES = 5.0
GUIDED = ("frames", "mlperf", "model", "usb")  # of `fuzz.guided`
SAID_EVERY = {"hostile": 5_000, "frames": 500_000, "slots": 5_000}


def add_campaigns(campaigns: common.Commands) -> None:
    """The sub-commands of `fuzz` that look for crashes."""
    hostile = common.add(
        campaigns, "hostile", _hostile, "damaged models, half with hostile names, with sanitizers"
    )
    _add_counted(hostile, "damaged models", "model")
    frames = common.add(
        campaigns,
        "frames",
        _frames,
        "frames at the link of a device on this PC, with sanitizers: sound, odd, damaged, noise",
    )
    _add_counted(frames, "frames, in rounds of a thousand", "round")
    slots = common.add(
        campaigns,
        "slots",
        _slots,
        "model slots in any state: the device must run what it should, or the image's own model",
    )
    _add_counted(slots, "contents of the flash", "content")
    guided = common.add(
        campaigns,
        "guided",
        _guided,
        "a door of the firmware with libFuzzer, which learns what reaches new code; wants clang, "
        "and goes on with what the last run kept",
    )
    guided.add_argument("door", choices=GUIDED, help="which")
    guided.add_argument(
        "--minutes", type=float, default=DEFAULT_MINUTES, help="how long (default: %(default)g)"
    )
    common.add_seed(guided)
    common.add_findings(guided)


def _add_counted(parser: argparse.ArgumentParser, what: str, one: str) -> None:
    parser.add_argument("count", type=common.positive, metavar="N", help=f"how many {what}")
    common.add_seed(parser)
    parser.add_argument(
        "--first",
        type=common.natural,
        default=0,
        metavar="K",
        help=f"number of the first {one} (default: %(default)s)",
    )
    common.add_findings(parser)


@dataclass(frozen=True)
class _Found:
    """What a campaign came to.

    Attributes:
        part: that it is recorded as.
        command: that shows it again.
        about: what was attacked, for people.
        line: its figures, for people.
        findings: files, each with the last words of what did not survive it.
        named: more figures for machines.
        seed: of figures that stand beside those of other seeds.
    """

    part: str
    command: str
    figures: Mapping[str, Any]
    about: str
    line: str
    findings: Sequence[tuple[Path, str]]
    named: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None


def _end(found: _Found, options: argparse.Namespace, ui: Ui) -> int:
    """Record and print it; the exit code."""
    from tinydeploy.errors import DeviceFaultError
    from tinydeploy.fuzz import record

    if options.record:
        dated = {**found.figures, "commit": record.commit()}
        record.keep(found.part, found.command, dated, found.seed)
    result = {**found.named, **found.figures, "crashes": found.findings}
    common.print_result(options, result, f"{found.line}, {len(found.findings)} findings")
    for path, words in found.findings:
        print(f"\n{path}\n{words}", file=sys.stderr)
    if not found.findings:
        return 0
    error = DeviceFaultError(
        f"{found.about}: {len(found.findings)} findings", "their files and last words are above"
    )
    return common.failed(error, options, ui)


def _counted(options: argparse.Namespace) -> str:
    """The command, as it is recorded."""
    first = f" --first {options.first}" if options.first else ""
    counted = f"{options.campaign} {options.count} --seed {options.seed}{first}"
    return f"tinydeploy fuzz {counted} --record"


def _saying(campaign: str, ui: Ui) -> Callable[[int, str], None]:
    """Says how far it has come, now and then."""
    said = 0

    def say(done: int, line: str) -> None:
        nonlocal said
        if done // SAID_EVERY[campaign] > said:
            said = done // SAID_EVERY[campaign]
            ui.say(line)

    return say


def _hostile(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.fuzz import hostile, record

    say = _saying("hostile", ui)
    found = hostile.run(
        hostile.Extent(options.count, options.seed, options.first),
        common.findings_folder(options),
        progress=lambda seen: say(
            seen.mutants, f"{seen.mutants:,} mutants, {seen.accepted:,} accepted"
        ),
    )
    refused = found.mutants - found.accepted - found.endless - len(found.crashes)
    ended = _Found(
        record.DAMAGED,
        _counted(options),
        record.of_hostile(found),
        "damaged models, runtime and PC",
        f"{found.mutants:,} damaged models: {found.accepted:,} ran, {refused:,} refused, "
        f"{found.endless:,} had loops without end",
        found.crashes,
    )
    return _end(ended, options, ui)


def _frames(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.fuzz import counted, frames

    say = _saying("frames", ui)
    found = frames.run(
        options.count,
        options.seed,
        common.findings_folder(options),
        first=options.first,
        progress=lambda seen: say(seen.frames, counted.line_of_frames(seen)),
    )
    ended = _Found(
        counted.FRAMES,
        _counted(options),
        counted.of_frames(found),
        "frames at the link",
        counted.line_of_frames(found),
        found.findings,
        seed=options.seed,
    )
    return _end(ended, options, ui)


def _slots(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.fuzz import counted, slots

    say = _saying("slots", ui)
    found = slots.run(
        options.count,
        options.seed,
        common.findings_folder(options),
        first=options.first,
        progress=lambda seen: say(seen.cases, counted.line_of_slots(seen)),
    )
    ended = _Found(
        counted.SLOTS,
        _counted(options),
        counted.of_slots(found),
        "rotten slots",
        counted.line_of_slots(found),
        found.findings,
        seed=options.seed,
    )
    return _end(ended, options, ui)


def _guided(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy.fuzz import guided, record

    door, minutes = options.door, options.minutes
    folder = common.findings_folder(options) / "guided"
    found = guided.run(door, minutes, options.seed, folder)
    ended = _Found(
        record.guided(door),
        f"tinydeploy fuzz guided {door} --minutes {minutes:g}",
        record.of_guided(found),
        guided.TARGETS[door].about,
        f"{door}: {found.inputs:,} inputs, {found.edges:,} edges reached, "
        f"{found.kept:,} inputs kept",
        found.findings,
        {"target": door},
    )
    return _end(ended, options, ui)
