"""The report's drawings, as SVG that takes its colors from style.css.

Every function returns markup that is safe to insert; names from the model are escaped.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape

from markupsafe import Markup

from tinydeploy.report import text
from tinydeploy.report.model import Buffer, Curve, MemoryMap

_LEGIBLE_WIDTH = 6.6  # of a character in the small font, in units of the drawing

INPUT, SCRATCH, IN_PLACE, RUNTIME = "input", "scratch", "in place", "runtime"

_SHORT_NAMES = {
    "DEPTHWISE_CONV_2D": "depthwise",
    "FULLY_CONNECTED": "fc",
    "AVERAGE_POOL_2D": "avg pool",
    "MAX_POOL_2D": "max pool",
    "TRANSPOSE_CONV": "transp. conv",
}


@dataclass(frozen=True)
class _Frame:
    """The plot area inside a drawing of `width` x `height` units."""

    width: int
    height: int
    left: int = 64
    right: int = 12
    top: int = 14
    bottom: int = 44

    @property
    def inner_width(self) -> int:
        return self.width - self.left - self.right

    @property
    def inner_height(self) -> int:
        return self.height - self.top - self.bottom

    def x(self, share: float) -> float:
        return self.left + share * self.inner_width

    def y(self, share: float) -> float:
        return self.top + (1 - share) * self.inner_height


def memory_maps(memory: MemoryMap, op_colors: dict[str, int]) -> Markup:
    """The memory map twice, for a screen and for a phone; style.css shows the one that fits."""
    wide, narrow = memory_map(memory, op_colors), memory_map(memory, op_colors, narrow=True)
    return Markup('<div class="wide-only">{}</div><div class="narrow-only">{}</div>').format(
        wide, narrow
    )


def memory_map(memory: MemoryMap, op_colors: dict[str, int], *, narrow: bool = False) -> Markup:
    """The arena over op time: each buffer a box, from its first op to its last, at its offset."""
    frame = _Frame(380, 360, left=56, right=4) if narrow else _Frame(960, 400)
    ops = len(memory.op_names) or 1 + max((b.last_op for b in memory.buffers), default=0)
    top_bytes = max(memory.planned_bytes + memory.persistent_bytes, 1)
    parts = [_byte_axis(frame, top_bytes), _op_axis(frame, memory.op_names, ops)]
    parts += [
        _buffer(
            frame,
            buffer,
            _color(buffer, memory.op_names, op_colors),
            *(overwritten(buffer, memory.buffers), _is_covered(buffer, memory.buffers)),
            *(ops, top_bytes),
        )
        for buffer in sorted(memory.buffers, key=lambda buffer: buffer.first_op)
    ]
    if memory.persistent_bytes:
        parts.append(_persistent(frame, memory, top_bytes))
    label = (
        f"Memory map of the arena: {len(memory.buffers)} buffers over {ops} operators, "
        f"{text.size(memory.planned_bytes)} planned"
    )
    return _svg(frame, label, parts)


def kinds(memory: MemoryMap) -> set[str]:
    """What the drawing shows besides the operators' outputs, for its legend."""
    found = {buffer.kind for buffer in memory.buffers if buffer.kind in (INPUT, SCRATCH)}
    if any(overwritten(buffer, memory.buffers) for buffer in memory.buffers):
        found.add(IN_PLACE)
    return found | ({RUNTIME} if memory.persistent_bytes else set())


def overwritten(buffer: Buffer, others: Iterable[Buffer]) -> Buffer | None:
    """What the operator that writes `buffer` reads from the same bytes: it works in place."""
    end = buffer.offset + buffer.size_bytes
    for other in others:
        meets = other.offset < end and buffer.offset < other.offset + other.size_bytes
        if meets and other.first_op < buffer.first_op <= other.last_op:
            return other
    return None


def _is_covered(buffer: Buffer, others: Iterable[Buffer]) -> bool:
    """Whether the last operator that reads it writes over it."""
    return any(
        other.first_op == buffer.last_op and overwritten(other, [buffer]) for other in others
    )


def curve(points: Curve) -> Markup:
    """A regressor's output on the device over its input, and what was expected."""
    frame = _Frame(960, 320)
    values = [*points.expected, *points.device]
    low, high = min(values), max(values)
    margin = (high - low or 1.0) * 0.06
    low, high = low - margin, high + margin
    x_low, x_high = points.x[0], points.x[-1]

    def place(x: float, y: float) -> tuple[float, float]:
        return frame.x((x - x_low) / (x_high - x_low or 1)), frame.y((y - low) / (high - low))

    line = " ".join(
        "{:.1f},{:.1f}".format(*place(x, y)) for x, y in zip(points.x, points.expected, strict=True)
    )
    dots = [
        '<circle class="dot" cx="{:.1f}" cy="{:.1f}" r="3"/>'.format(*place(x, y))
        for x, y in zip(points.x, points.device, strict=True)
    ]
    parts = [_value_axis(frame, low, high), f'<polyline class="expected" points="{line}"/>', *dots]
    for value, anchor in ((x_low, "start"), (x_high, "end")):
        at, _ = place(value, low)
        parts.append(_text(at, frame.y(0) + 22, f"{value:.3g}", f"axis {anchor}"))
    return _svg(frame, f"Output over input for {len(points.x)} test points", parts)


def _svg(frame: _Frame, label: str, parts: list[str]) -> Markup:
    body = "\n".join(parts)
    return Markup(
        f'<svg viewBox="0 0 {frame.width} {frame.height}" role="img" aria-label="{escape(label)}">'
        f"\n{body}\n</svg>"
    )


def _text(x: float, y: float, content: str, css: str) -> str:
    return f'<text class="{css}" x="{x:.1f}" y="{y:.1f}">{escape(content)}</text>'


def _byte_axis(frame: _Frame, top_bytes: int) -> str:
    step = _round_step(top_bytes / 5)
    lines = []
    for value in range(0, top_bytes + 1, step):
        y = frame.y(value / top_bytes)
        lines.append(f'<path class="grid" d="M{frame.left} {y:.1f}H{frame.width - frame.right}"/>')
        lines.append(_text(frame.left - 8, y + 4, _bytes_label(value, step), "axis end"))
    return "\n".join(lines)


def _round_step(smallest: float) -> int:
    step = 16
    while step < smallest:
        step *= 2
    return step


def _bytes_label(value: int, step: int) -> str:
    return f"{value / 1024:.3g} KiB" if step >= 16 else f"{value}"


def _value_axis(frame: _Frame, low: float, high: float) -> str:
    lines = []
    step = _decimal_step((high - low) / 6)
    for number in range(math.ceil(low / step), math.floor(high / step) + 1):
        y = frame.y((number * step - low) / (high - low))
        lines.append(f'<path class="grid" d="M{frame.left} {y:.1f}H{frame.width - frame.right}"/>')
        lines.append(_text(frame.left - 8, y + 4, f"{number * step:.3g}", "axis end"))
    return "\n".join(lines)


def _decimal_step(smallest: float) -> float:
    """The next of ... 0.1, 0.2, 0.5, 1, 2, 5 ..."""
    power = 10.0 ** math.floor(math.log10(smallest))
    return next(power * factor for factor in (1, 2, 5, 10) if power * factor >= smallest)


def _op_axis(frame: _Frame, names: tuple[str, ...], ops: int) -> str:
    column = frame.inner_width / ops
    every = max(1, round(26 / column + 0.49))
    lines = [
        _text(frame.x((op + 0.5) / ops), frame.y(0) + 17, str(op), "axis middle")
        for op in range(0, ops, every)
    ]
    if names and column >= 60:
        lines += [
            _text(
                frame.x((op + 0.5) / ops), frame.y(0) + 32, _op_label(name, column), "name middle"
            )
            for op, name in enumerate(names)
        ]
    else:
        lines.append(_text(frame.x(0.5), frame.y(0) + 37, "operator, in order", "axis middle"))
    return "\n".join(lines)


def _op_label(name: str, width: float) -> str:
    short = _SHORT_NAMES.get(name) or name.removesuffix("_2D").replace("_", " ").lower()
    return _fit(short, width) or ""


def _color(buffer: Buffer, names: tuple[str, ...], op_colors: dict[str, int]) -> str:
    if buffer.kind in (INPUT, SCRATCH):
        return buffer.kind
    producer = names[buffer.first_op] if buffer.first_op < len(names) else ""
    return f"c{op_colors.get(producer, 8)}"


def _buffer(
    frame: _Frame,
    buffer: Buffer,
    color: str,
    below: Buffer | None,
    is_covered: bool,
    ops: int,
    top_bytes: int,
) -> str:
    """A box; two that share bytes during an operator share its column, the older one left."""
    first = buffer.first_op + 0.5 * (below is not None)
    last = buffer.last_op + 1 - 0.5 * is_covered
    left = frame.x(first / ops) + 1.5
    width = max(frame.inner_width * (last - first) / ops - 3, 1.5)
    top = frame.y((buffer.offset + buffer.size_bytes) / top_bytes)
    height = max(frame.inner_height * buffer.size_bytes / top_bytes, 1.5)
    kind = f"{buffer.kind} " if buffer.kind != "activation" else ""
    tooltip = (
        f"{kind}{buffer.tensor}: {text.count(buffer.size_bytes)} bytes at offset "
        f"{text.count(buffer.offset)}, ops {buffer.first_op} to {buffer.last_op}"
    )
    if below is not None:
        tooltip += f"; written in place over {below.tensor}"
        color += " inplace"
    parts = [
        f'<g class="buffer {color}"><title>{escape(tooltip)}</title>',
        f'<rect x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}" rx="3"/>',
    ]
    label = _fit(text.size(buffer.size_bytes), width)
    if label and height >= 18:
        parts.append(_text(left + width / 2, top + height / 2 + 4, label, "inside middle"))
    return "".join([*parts, "</g>"])


def _persistent(frame: _Frame, memory: MemoryMap, top_bytes: int) -> str:
    top, bottom = frame.y(1), frame.y(memory.planned_bytes / top_bytes)
    label = f"runtime {text.size(memory.persistent_bytes)}"
    parts = [
        '<g class="buffer persistent">',
        f"<title>{escape(label)}: what the runtime keeps besides the tensors</title>",
        f'<rect x="{frame.left + 1.5}" y="{top:.1f}" width="{frame.inner_width - 3}" '
        f'height="{max(bottom - top - 1.5, 1.5):.1f}" rx="3"/>',
    ]
    if bottom - top >= 18:
        parts.append(_text(frame.x(0.5), (top + bottom) / 2 + 3.5, label, "inside middle"))
    return "".join([*parts, "</g>"])


def _fit(content: str, width: float) -> str | None:
    """The text, cut to what fits, or None if that is not even four characters."""
    room = int((width - 6) / _LEGIBLE_WIDTH)
    if len(content) <= room:
        return content
    return None if room < 4 or content[0].isdigit() else content[: room - 1] + "…"
