"""An inspection as text, JSON and HTML."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from dataclasses import asdict
from html import escape
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from tinydeploy.ops.support import describe
from tinydeploy.report import charts, text
from tinydeploy.report.colors import COLORS
from tinydeploy.report.model import MemoryMap
from tinydeploy.stages.inspect.analysis import Arena, BoardFit, Inspection
from tinydeploy.ui import FILE_WIDTH, fitted

_STYLE = Path(charts.__file__).with_name("style.css")
_NOT_ON_A_PHONE = ("weights", "live", "types", "type", "MACs", "kind")
# Columns that a narrow terminal can do without, the first ones first.
_LESS_IMPORTANT = ("weights", "live", "type", "MACs", "kind", "types", "~cycles", "output", "shape")
_BLOCKS = " ▁▂▃▄▅▆▇█"


def to_json(inspection: Inspection) -> str:
    """JSON with the field names of `Inspection`."""
    data = {"runs": inspection.runs, **asdict(inspection)}
    return json.dumps(data, indent=2, sort_keys=True)


def to_text(inspection: Inspection, *, color: bool = False, width: int = FILE_WIDTH) -> str:
    """For a terminal of `width` columns, `color` with its control sequences."""
    out = io.StringIO()
    # Names come from the model: they are text, not markup.
    console = Console(file=out, width=width, force_terminal=color, highlight=False, markup=False)
    for block in _blocks(inspection):
        if isinstance(block, Table):
            block = fitted(block, width, _LESS_IMPORTANT)
        console.print(block)
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines())


def _blocks(inspection: Inspection) -> list[Text | Table]:
    blocks: list[Text | Table] = [
        _head(inspection),
        _op_table(inspection),
        _memory(inspection),
        _largest(inspection),
        _board_table(inspection),
        *_remedies(inspection),
    ]
    if inspection.fallbacks:
        blocks.append(_fallbacks(inspection))
    if inspection.problems:
        blocks.append(_problems(inspection))
    if inspection.findings:
        blocks.append(_findings(inspection))
    return blocks


def _head(inspection: Inspection) -> Text:
    verdict = ("runs", "bold green") if inspection.runs else ("does not run", "bold red")
    lines = Text.assemble((inspection.name, "bold"), "  ", verdict, "\n")
    lines.append(
        f"{inspection.model_bytes:,} bytes, {inspection.parameters:,} parameters, "
        f"{inspection.macs:,} multiply-accumulates, {len(inspection.ops)} operators\n"
    )
    for kind, names in (("in ", inspection.inputs), ("out", inspection.outputs)):
        for name in names:
            lines.append(f"{kind} {name}\n")
    return lines


def _table(title: str, *columns: str) -> Table:
    """Columns whose name begins with a space are aligned right."""
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD)
    for column in columns:
        right = column.startswith(" ")
        table.add_column(column.strip(), justify="right" if right else "left", no_wrap=right)
    return table


def _op_table(inspection: Inspection) -> Table:
    columns = (" #", "operator", "types", "output", " MACs", " weights", " live", " ~cycles")
    table = _table(f"Operators ({_op_note(inspection)})", *columns)
    for row in inspection.ops:
        table.add_row(
            str(row.index),
            row.op,
            row.types,
            text.shape(row.output_shape),
            f"{row.macs:,}" if row.macs else "",
            f"{row.weight_bytes:,}" if row.weight_bytes else "",
            f"{row.live_bytes:,}",
            f"{row.cycles:,}" if row.cycles else "",
            style="" if row.runs else "red",
        )
    return table


def _memory(inspection: Inspection) -> Text:
    arena = inspection.arena
    live = [row.live_bytes for row in inspection.ops]
    peak = live.index(max(live)) if live else 0
    lines = Text.assemble(("Memory over time\n", "bold"))
    lines.append(f"  {sparkline(live)}  peak {max(live, default=0):,} bytes in op {peak}\n")
    sign = "" if arena.exact else "about "
    lines.append(
        f"  arena {sign}{arena.total_bytes:,} bytes: {arena.planned_bytes:,} tensors "
        f"(at least {arena.lower_bound_bytes:,}), {sign}{arena.persistent_bytes:,} runtime; "
        f"{_compiled(arena)}\n"
    )
    return lines


def _compiled(arena: Arena) -> str:
    if arena.compiled_bytes is None:
        return "interpreter only"
    return f"compiled engine {arena.compiled_bytes:,}"


def sparkline(values: list[int]) -> str:
    """One character a value, its height the share of the largest."""
    top = max(values, default=0) or 1
    return "".join(_BLOCKS[-(-value * (len(_BLOCKS) - 1) // top)] for value in values)


def _largest(inspection: Inspection) -> Table:
    table = _table("Largest tensors", " bytes", "kind", "type", "shape", "name")
    for row in inspection.largest:
        shape = text.shape(row.shape)
        table.add_row(f"{row.size_bytes:,}", row.kind, row.dtype, shape, row.name)
    return table


def _engine(inspection: Inspection) -> str:
    return "interpreter" if inspection.arena.compiled_bytes is None else "compiled"


def _op_note(inspection: Inspection) -> str:
    engine = _engine(inspection)
    note = f"cycles are estimates, {engine} engine"
    return note if engine == "interpreter" else f"{note}; without: part of others"


def _board_note(inspection: Inspection) -> str:
    return f"{_engine(inspection)} engine; flash and time are estimates"


def _board_table(inspection: Inspection) -> Table:
    table = _table(
        f"Boards ({_board_note(inspection)})",
        "board",
        " ~flash",
        " RAM",
        " ~ms",
        " ~cycles",
        "",
    )
    for fit in inspection.boards:
        table.add_row(
            fit.board,
            f"{fit.flash_bytes:,} of {fit.flash_limit_bytes:,}",
            f"{fit.ram_bytes:,} of {fit.ram_limit_bytes:,}",
            f"{fit.milliseconds:,.1f}",
            f"{fit.cycles:,}",
            _fit_text(fit),
        )
    return table


def _fit_text(fit: BoardFit) -> Text:
    if not fit.runs:
        return Text("does not run", "red")
    return Text("fits", "green") if fit.fits else Text("too large", "red")


def _remedies(inspection: Inspection) -> list[Text]:
    """What would help, of boards that are too small."""
    lines = [f"  {fit.board}: {fit.remedy}\n" for fit in inspection.boards if fit.remedy]
    return [Text.assemble(("What would help\n", "bold yellow"), *lines)] if lines else []


def _fallbacks(inspection: Inspection) -> Text:
    lines = Text.assemble(("Without a faster kernel in the compiled engine\n", "bold yellow"))
    for row in inspection.fallbacks:
        lines.append(f"  op {row.op_index} {row.op} {text.shape(row.output_shape)}: {row.why}\n")
    return lines


def _problems(inspection: Inspection) -> Text:
    lines = Text.assemble(("Does not run\n", "bold red"))
    for problem in inspection.problems:
        where = f"op {problem.first_op}: " if problem.operator else ""
        lines.append(f"  {where}{describe(problem)}\n")
        lines.append(f"      {problem.hint}\n", "dim")
    return lines


def _findings(inspection: Inspection) -> Text:
    lines = Text.assemble(("Worth a look\n", "bold yellow"))
    for finding in inspection.findings:
        lines.append(f"  {finding.where}: " if finding.where else "  ")
        lines.append(f"{finding.message} [{finding.rule}]\n")
        lines.append(f"      {finding.hint}\n", "dim")
    return lines


def to_html(inspection: Inspection) -> str:
    """A page of its own, nothing fetched."""
    body = "\n".join(_section(*part) for part in _sections(inspection))
    verdict = "runs on this runtime" if inspection.runs else "does not run as it is"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{escape(inspection.name)}: inspection</title>
<style>
{_STYLE.read_text(encoding="utf-8")}
</style>
</head>
<body>
<main>
<header>
<div class="brand"><span>tinydeploy inspect</span></div>
<div class="headline"><div><h1>{escape(inspection.name)}</h1>
<p class="lead">{escape(verdict)}: {inspection.macs:,} multiply-accumulates,
{inspection.parameters:,} parameters, {inspection.model_bytes:,} bytes</p></div></div>
</header>
{body}
</main>
</body>
</html>
"""


def _sections(inspection: Inspection) -> list[tuple[str, str, str]]:
    """Title, explanation and content of each."""
    arena = inspection.arena
    sections = [
        ("Boards", _board_note(inspection), _html_table(_board_table(inspection))),
        (
            "Memory over time",
            f"{arena.total_bytes:,} bytes of arena: {arena.planned_bytes:,} of tensors (no plan "
            f"takes less than {arena.lower_bound_bytes:,}), {arena.persistent_bytes:,} of runtime; "
            f"{_compiled(arena)}",
            f'<div class="drawing" tabindex="0">{memory_svg(inspection.memory)}</div>',
        ),
        ("Operators", _op_note(inspection), _html_table(_op_table(inspection))),
        (
            "Largest tensors",
            "weights lie in flash, the others in RAM",
            _html_table(_largest(inspection)),
        ),
    ]
    if inspection.fallbacks:
        slower = [(f"op {row.op_index} {row.op}", row.why) for row in inspection.fallbacks]
        sections.insert(3, ("Slower operators", "no faster kernel", _html_pairs(slower)))
    if helps := [(fit.name, fit.remedy) for fit in inspection.boards if fit.remedy]:
        sections.insert(1, ("What would help", "with this model", _html_pairs(helps)))
    if inspection.problems:
        rows = [(describe(problem), problem.hint) for problem in inspection.problems]
        sections.insert(0, ("Does not run", "on this runtime", _html_pairs(rows)))
    if inspection.findings:
        rows = [(f"{f.where}: {f.message}".lstrip(": "), f.hint) for f in inspection.findings]
        sections.append(("Worth a look", "may cost accuracy or time", _html_pairs(rows)))
    return sections


def memory_svg(memory: MemoryMap) -> str:
    """The memory map, one color for each kind of operator."""
    colors = {name: 1 + i % COLORS for i, name in enumerate(sorted(set(memory.op_names)))}
    return str(charts.memory_maps(memory, colors))


def _section(title: str, explanation: str, content: str) -> str:
    head = f"<header><h2>{escape(title)}</h2><p>{escape(explanation)}</p></header>"
    return f"<section>{head}<div>{content}</div></section>"


def _html_pairs(pairs: list[tuple[str, str]]) -> str:
    """What was seen, and beside it what to do."""
    rows = "".join(
        f'<tr><td>{escape(seen)}</td><td class="soft">{escape(hint)}</td></tr>'
        for seen, hint in pairs
    )
    return f'<div class="scroll"><table><tbody>{rows}</tbody></table></div>'


def _html_table(table: Table) -> str:
    """The same table that the terminal shows."""
    columns = [
        _html_column(str(column.header), map(str, column.cells), column.justify == "right")
        for column in table.columns
    ]
    head, *rows = ("<tr>" + "".join(cells) + "</tr>" for cells in zip(*columns, strict=True))
    body = f"<thead>{head}</thead><tbody>{''.join(rows)}</tbody>"
    return f'<div class="scroll"><table>{body}</table></div>'


def _html_column(header: str, cells: Iterable[str], is_number: bool) -> list[str]:
    names = ["n"] * is_number + ["hide"] * (header in _NOT_ON_A_PHONE)
    css = f' class="{" ".join(names)}"' if names else ""
    head = f"<th{css}>{escape(header)}</th>"
    return [head, *(f"<td{css}>{escape(cell)}</td>" for cell in cells)]
