"""The figures of campaigns that count: frames, slots and faults on the link."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinydeploy.fuzz.device import Counted
from tinydeploy.fuzz.slots import FORGED, Slots
from tinydeploy.hardware.link_faults import OUTCOMES

FRAMES, SLOTS = "frames", "slots"  # what is kept
_FAULTS = "link faults"  # in front of the link


def of_frames(found: Counted) -> dict[str, Any]:
    """Figures of a campaign of frames."""
    return {
        "frames": found.frames,
        "answers": found.answers,
        "naks": found.naks,
        "restarts": found.restarts,
        "check_ups": found.check_ups,
        "findings": len(found.findings),
    }


def of_slots(found: Slots) -> dict[str, Any]:
    """Figures of a campaign of rotten slots."""
    return {
        "cases": found.cases,
        "from_slot": found.from_slot,
        "forged": found.forged,
        "endless": found.endless,
        "requests": found.frames,
        "check_ups": found.check_ups,
        "findings": len(found.findings),
    }


def line_of_frames(found: Counted) -> str:
    """For people."""
    return (
        f"{found.frames:,} frames, {found.answers:,} answers ({found.naks:,} NAKs), "
        f"{found.restarts:,} restarts, {found.check_ups:,} check-ups"
    )


def line_of_slots(found: Slots) -> str:
    """For people."""
    return (
        f"{found.cases:,} contents of the flash: {found.from_slot:,} with a slot's model to run, "
        f"{found.forged:,} forged, {found.check_ups:,} check-ups"
    )


def faults(link: str) -> str:
    """The part that the faults on a link (UART, USB) are kept as."""
    return f"{_FAULTS}, {link}"


def of_faults(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Figures of faults on the link, from `hardware.link_faults.Run.figures`."""
    return {"runs": list(runs)}


def render(known: Mapping[str, Any]) -> Iterator[str]:
    """Their sections of docs/fuzz.md."""
    parts = {FRAMES: _frames, SLOTS: _slots}
    for part, write in parts.items():
        if part in known:
            yield "\n".join(write(known[part]["seeds"])) + "\n"
    links = {part: known[part] for part in sorted(known) if part.startswith(_FAULTS)}
    if links:
        yield "\n".join(_faults(links)) + "\n"


def _added(seeds: Mapping[str, Mapping[str, Any]]) -> Counter[str]:
    total: Counter[str] = Counter()
    for told in seeds.values():
        total.update({key: value for key, value in told.items() if isinstance(value, int)})
    return total


def _commands(seeds: Mapping[str, Mapping[str, Any]], unit: str, what: str) -> Iterator[str]:
    for _, told in sorted(seeds.items(), key=lambda item: int(item[0])):
        counts = f"{told[unit]:,} {what}, {told['findings']} findings"
        yield f"- `{told['command']}`{_at(told)}: {counts}"
    yield ""


def _at(told: Mapping[str, Any]) -> str:
    return f" (at commit {told['commit']})" if told.get("commit") else ""


def _frames(seeds: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    total = _added(seeds)
    yield "## Frames at the link\n"
    yield from _commands(seeds, "frames", "frames")
    yield (
        "The firmware's link, requests, model slots and interpreter in one process of this PC, "
        "with the address and undefined-behaviour sanitizers and red zones in the arena. Of eight "
        "frames three are requests that a host could send (what they ask may be nonsense), two "
        "are such with bits, bytes or their end changed on the wire, one has a right checksum but "
        "a wrong header, one is the last one again, one is noise; they come in bursts, so that "
        f"some arrive during an inference. {total['answers']:,} answers, of them "
        f"{total['naks']:,} NAKs; the device was restarted {total['restarts']:,} times. It was "
        f"looked at {total['check_ups']:,} times, after every few dozen frames: it must answer "
        "with sound frames only, be idle, run one of the models that it may run, and infer what "
        f"TFLM infers. **{total['findings']} findings**."
    )


def _slots(seeds: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    total = _added(seeds)
    yield "## Rotten model slots\n"
    yield from _commands(seeds, "cases", "contents of the flash")
    yield (
        "The same device, switched on with slots as swaps leave them in which one to three things "
        "have gone wrong: bits turned (over, or all to one side), pages erased, garbage, half "
        "written or of another place, hostile words, whole marks with any number and state, "
        "headers that lie and payloads that were changed, with checksums made right. "
        f"{total['forged']:,} (one in {1 / FORGED:.0f} where a slot was whole) held a damaged "
        "model with all its hashes, which may run, compute what it likes "
        f"({total['endless']:,} without end), and must harm nothing. Of the others "
        f"{total['from_slot']:,} had to run a slot's model, "
        f"{total['cases'] - total['forged'] - total['from_slot']:,} the image's own: which, is "
        "computed apart from the firmware. Then come requests about the slots, a check-up as "
        "above, a restart and a check-up. "
        f"**{total['findings']} findings**."
    )


def _faults(links: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "## Faults on the link\n"
    yield (
        "One fault for each inference, at a seeded place in either direction, on simulated boards "
        "with the firmware that is flashed. Right: the output is TFLM's. Repeated: right after "
        "the host's client asked again. Clear stop: an error said what was wrong, and the board "
        "worked again once it was plugged in.\n"
    )
    yield "| command | board | link | faults | right | repeated | clear stop | wrong |"
    yield "|---|---|---|---:|---:|---:|---:|---:|"
    for told in links.values():
        for run in told["runs"]:
            rows = run["faults"].values()
            counts = [sum(row[outcome] for row in rows) for outcome in OUTCOMES]
            cells = [f"{number:,}" for number in (sum(counts), *counts)]
            where = [f"`{told['command']}`{_at(told)}", run["board"], run["link"]]
            yield f"| {' | '.join([*where, *cells])} |"
