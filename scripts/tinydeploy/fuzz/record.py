"""The figures of long campaigns: docs/fuzz.json, and docs/fuzz.md rendered from it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinydeploy import tools, whole
from tinydeploy.config import ROOT
from tinydeploy.errors import TinyDeployError
from tinydeploy.fuzz import counted
from tinydeploy.fuzz import guided as guided_runs
from tinydeploy.fuzz.campaign import Count, Tally
from tinydeploy.fuzz.cases import FLOAT_TOLERANCE, GRAPH, RUNS, UNDEFINED
from tinydeploy.fuzz.coverage import LEFT_OUT
from tinydeploy.fuzz.graphs import FEWEST_OPS, GRAPH_TOLERANCE, MOST_OPS
from tinydeploy.fuzz.hostile import CHANGES, Hostile

FIGURES, DOCUMENT = ROOT / "docs" / "fuzz.json", ROOT / "docs" / "fuzz.md"
OPERATORS, GRAPHS, DAMAGED, COVERED = "operators", "graphs", "damaged", "covered"  # what is kept
_GUIDED = "guided"  # in front of the target
ENGINES = (
    "interpreter on host",
    "interpreter on simulator",
    "compiled on host",
    "compiled on simulator",
)
_INTRODUCTION = f"""\
# Fuzzing

Written by the commands below with `--record`, which keep their figures in fuzz.json. The seed makes
the same models and counts again, on the commit that is named where the draws have changed since.

Each model runs {RUNS} inferences on random inputs in TFLM (the `tflite-micro` package) and in both
engines, on the PC with the undefined-behaviour sanitizer and on the simulated Cortex-M4. Integers
must be equal to the last bit. Floats may differ by {FLOAT_TOLERANCE:g} of the largest number of a
tensor (of 1 if that is less), in whole graphs, where errors add up, by {GRAPH_TOLERANCE:g}. The
compiled engine leaves to the interpreter what it would not compute exactly.

On a PC with g++ the compiled engine's plans have red zones: every buffer has room of its own. A
step that touches what is not its own, or a constant beyond its end, is a difference, told with
step, buffer and byte (`scripts/tinydeploy/fuzz/zones.py`).
"""


def keep(part: str, command: str, figures: Mapping[str, Any], seed: int | None = None) -> None:
    """Put the figures of one command into both files.

    Args:
        part: OPERATORS, GRAPHS, DAMAGED, COVERED, `guided` of a target, or one of `counted`.
        seed: of figures that stand beside those of other seeds; None: they replace all others.
    """
    known = load()
    told = {"command": command, **figures}
    if seed is None:
        known[part] = told
    else:
        seeds = known.setdefault(part, {}).get("seeds", {})
        known[part] = {"seeds": {**seeds, str(seed): told}}
    text = json.dumps(known, indent=1, sort_keys=True) + "\n"
    whole.write(FIGURES, text)
    whole.write(DOCUMENT, render(known))


def load() -> dict[str, Any]:
    """What is kept."""
    if not FIGURES.is_file():
        return {}
    known: dict[str, Any] = json.loads(FIGURES.read_text(encoding="utf-8"))
    return known


def commit() -> str:
    """That this code is at, with a + if it has been changed since; "" outside of a repository."""
    git = ["git", "-C", str(ROOT)]
    changes = ["status", "--porcelain", "--untracked-files=no", "--", "scripts", "firmware"]
    try:
        head = tools.run([*git, "rev-parse", "--short", "HEAD"], what="asking for the commit")
        state = tools.run([*git, *changes], what="asking for changes")
    except TinyDeployError:
        return ""
    return head.stdout.strip() + "+" * bool(state.stdout.strip())


def of_tally(tally: Tally) -> dict[str, Any]:
    """Figures of a campaign, by subject."""
    return {"subjects": {name: _figures(count) for name, count in sorted(tally.subjects.items())}}


def of_hostile(found: Hostile) -> dict[str, Any]:
    """Figures of a run of damaged models."""
    return {
        "models": found.originals,
        "mutants": found.mutants,
        "renamed": found.renamed,
        "compiled": found.compiled,
        "ran": found.accepted,
        "endless": found.endless,
        "findings": len(found.crashes),
        "changes": CHANGES,
    }


def guided(target: str) -> str:
    """The part that a target of `fuzz.guided` is kept as."""
    return f"{_GUIDED} {target}"


def of_guided(found: guided_runs.Result) -> dict[str, Any]:
    """Figures of a run that learns."""
    return {
        "inputs": found.inputs,
        "edges": found.edges,
        "kept": found.kept,
        "findings": len(found.findings),
    }


def render(known: Mapping[str, Any]) -> str:
    """docs/fuzz.md."""
    parts = {OPERATORS: _operators, GRAPHS: _graphs, DAMAGED: _damaged, COVERED: _covered}
    lines = [_INTRODUCTION]
    for part, write in parts.items():
        if part in known:
            lines += [*write(known[part]), ""]
    lines += counted.render(known)
    learned = {part: known[part] for part in sorted(known) if part.startswith(_GUIDED)}
    if learned:
        lines += [*_learned(learned), ""]
    return "\n".join(lines).rstrip() + "\n"


def _figures(count: Count) -> dict[str, Any]:
    return {
        "cases": count.cases,
        "refused_by_tflm": count.refused_by_tflm,
        "crashed_tflm": count.crashed_tflm,
        "ran": {engine: count.ran[engine] for engine in ENGINES},
        "differ": sum(count.differ.values()),
    }


def _operators(known: Mapping[str, Any]) -> Iterator[str]:
    by_operator: dict[str, list[Mapping[str, Any]]] = {}
    subjects = _added(known)
    for subject, figures in sorted(subjects.items(), key=lambda item: item[0].upper()):
        by_operator.setdefault(subject.split()[0], []).append(figures)
    operators = len(by_operator.keys() - {GRAPH})
    combinations = sum(len(each) for each in by_operator.values()) - (GRAPH in by_operator)
    yield "## Every operator with every combination of types\n"
    yield from _commands(known)
    yield f"{operators} operators, {combinations} combinations of types.\n"
    yield from _table(by_operator)
    for (operator, types), reason in sorted(UNDEFINED.items()):
        yield f"\nNot compared: {operator} {types}; {reason}."
    alone = [name for name, each in subjects.items() if not any(each["ran"].values())]
    if alone:
        yield f"\nNot in TFLM, which refuses these types: {', '.join(sorted(alone))}."


def _graphs(known: Mapping[str, Any]) -> Iterator[str]:
    yield f"## Graphs of {FEWEST_OPS} to {MOST_OPS} operators with branches and shared tensors\n"
    yield from _commands(known)
    yield from _table({GRAPH: list(_added(known).values())})


def _commands(known: Mapping[str, Any]) -> Iterator[str]:
    """What each seed was asked for and gave."""
    for _, told in sorted(known["seeds"].items(), key=lambda item: int(item[0])):
        differ = sum(figures["differ"] for figures in told["subjects"].values())
        cases = sum(figures["cases"] for figures in told["subjects"].values())
        note = f" ({_note(told)})" if _note(told) else ""
        yield f"- `{told['command']}`{note}: {cases:,} models, {differ} comparisons differ"
    yield ""


def _note(told: Mapping[str, Any]) -> str:
    """At which commit, and what a campaign that was stopped has left out."""
    at = f"at commit {told['commit']}" if told.get("commit") else ""
    gaps = [f"{first:,} to {last:,}" for first, last in told.get("missing", ())]
    without = f"stopped: without cases {', '.join(gaps)}" if gaps else ""
    return ", ".join(filter(None, (told.get("note", ""), at, without)))


def _added(known: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Figures by subject, of all seeds together."""
    total: dict[str, dict[str, Any]] = {}
    for told in known["seeds"].values():
        for name, figures in told["subjects"].items():
            seen = total.setdefault(name, {**dict.fromkeys(figures, 0), "ran": {}})
            for key in figures.keys() - {"ran"}:
                seen[key] += figures[key]
            for engine in ENGINES:
                seen["ran"][engine] = seen["ran"].get(engine, 0) + figures["ran"][engine]
    return total


def _damaged(known: Mapping[str, Any]) -> Iterator[str]:
    refused = known["mutants"] - known["ran"] - known["endless"] - known["findings"]
    yield "## Damaged models\n"
    yield f"`{known['command']}`\n"
    yield (
        f"{known['mutants']:,} mutants of {known['models']} models (all committed ones, one of "
        "each operator with each combination of types, whole graphs, several subgraphs) through "
        "the PC build with the address and undefined-behaviour sanitizers: "
        f"{known['ran']:,} ran, {refused:,} were refused with a reason, {known['endless']:,} had "
        f"loops without end, **{known['findings']} findings**."
        + (f" Changes: {known['changes']}." if "changes" in known else "")
    )
    if known.get("renamed"):
        yield (
            f"{known['renamed']:,} of them had hostile names (ends of comments and lines, escape "
            "sequences, what turns the reading direction). The PC read all, and made C++ of "
            f"{known['compiled']:,}, in which no name is more than a comment or a string."
        )


def _learned(known: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    yield "## Fuzzing that learns\n"
    yield (
        "libFuzzer on the firmware's doors, compiled for the PC by clang with the address and "
        "undefined-behaviour sanitizers and red zones in the arena. After every input the device "
        "must answer, infer and be opened as ever. How many inputs fit into the time depends on "
        "the machine; each run goes on with what the last one kept. What was found is mended and "
        "has a test in `tests/fuzz/test_fuzz_regressions.py`.\n"
    )
    yield "| target | command | inputs | edges reached | inputs kept | findings |"
    yield "|---|---|---:|---:|---:|---:|"
    for part, told in known.items():
        name = part.removeprefix(f"{_GUIDED} ")
        counts = f"{told['inputs']:,} | {told['edges']:,} | {told['kept']:,} | {told['findings']}"
        yield f"| {guided_runs.TARGETS[name].about} | `{told['command']}` | {counts} |"


def _covered(known: Mapping[str, Any]) -> Iterator[str]:
    yield "## What of the kernels the models reach\n"
    yield (
        f"`{known['command']}`: lines and branches of the build for this PC, by gcov. Branches "
        "that only an exception takes are left out, and so is what only an Arm CPU compiles "
        "(`*_armv7em.cpp`); the checks of a Prepare are reached by damaged models.\n"
    )
    for file, reason in LEFT_OUT.items():
        yield f"Not counted: {file}, {reason}.\n"
    yield "| folder | lines | reached | branches | taken |"
    yield "|---|---:|---:|---:|---:|"
    rooms = known["rooms"]
    total = [sum(column) for column in zip(*rooms.values(), strict=True)]
    for room, (lines, reached, branches, taken) in [*sorted(rooms.items()), ("**all**", total)]:
        shares = f"{100 * reached / lines:.1f} % | {branches:,} | {100 * taken / branches:.1f} %"
        yield f"| {room} | {lines:,} | {shares} |"
    if known["missed"]:
        yield "\nLines that were not reached:\n"
        yield from (f"- {file}: {places}" for file, places in sorted(known["missed"].items()))


def of_coverage(rooms: Mapping[str, Sequence[int]], missed: Mapping[str, str]) -> dict[str, Any]:
    """Figures of a coverage run: lines, reached, branches, taken by folder; lines left by file."""
    return {"rooms": {room: list(seen) for room, seen in rooms.items()}, "missed": dict(missed)}


def _table(rows: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    yield (
        "| operator | types | models | TFLM refuses | TFLM crashes | interpreter, PC | "
        "interpreter, M4 | compiled, PC | compiled, M4 | differ |"
    )
    yield "|---|" + "---:|" * 9
    for name, each in rows.items():
        yield _row(name, len(each), each)
    if len(rows) > 1:
        every = [figures for each in rows.values() for figures in each]
        yield _row("**all**", len(every), every)


def _row(name: str, types: int, each: Sequence[Mapping[str, Any]]) -> str:
    cases = sum(figures["cases"] for figures in each)
    refused = sum(figures["refused_by_tflm"] for figures in each)
    crashed = sum(figures["crashed_tflm"] for figures in each)
    ran = [sum(figures["ran"][engine] for figures in each) for engine in ENGINES]
    differ = sum(figures["differ"] for figures in each)
    numbers = (cases, refused, crashed, *ran, differ)
    cells = [name, str(types), *(f"{number:,}" for number in numbers)]
    return "| " + " | ".join(cells) + " |"
