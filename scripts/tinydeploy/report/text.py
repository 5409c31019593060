"""Numbers as people read them; the same in HTML, Markdown and the terminal."""

from __future__ import annotations

from dataclasses import fields, is_dataclass, replace
from typing import Any

from tinydeploy.foreign import shown
from tinydeploy.report.model import Accuracy, Report

DASH = "–"
_LONGEST = 2000  # characters of a name or a command

_MANY, _NEARLY_ALL = 10, 0.9  # vectors, and the share of them with one answer that is suspicious

_TARGETS = {
    "simulator": "The flash image, simulated",
    "device": "The board",
    "simulated device": "A simulated board on a port",
    "host": "The same program on this PC",
}


def judge(report: Report) -> str:
    """Who said what is right: TFLM, and for operators that it does not have their references."""
    parity = report.parity
    tflm = f"{parity.judge} {parity.judge_version}".strip()
    return "; ".join([tflm, *(f"{name} by its Python reference" for name in parity.references)])


def harmless(value: Any) -> Any:
    """A report, or a part of one, whose strings are text: labels, names and paths are foreign."""
    if isinstance(value, str):
        return shown(value, _LONGEST)
    if isinstance(value, tuple):
        return tuple(map(harmless, value))
    if isinstance(value, dict):
        return {shown(name, _LONGEST): harmless(entry) for name, entry in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: harmless(getattr(value, f.name)) for f in fields(value)})
    return value


def count(value: float | None) -> str:
    """1234567 -> "1,234,567"."""
    return DASH if value is None else f"{value:,.0f}"


def short_count(value: float | None) -> str:
    """1234567 -> "1.23 M"."""
    if value is None:
        return DASH
    for unit, factor in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if value >= factor:
            return f"{_digits(value / factor)} {unit}"
    return f"{value:.0f}"


def size(value: int | None) -> str:
    """1536 -> "1.5 KiB", 16 -> "0.02 KiB": one unit for what stands side by side."""
    if value is None:
        return DASH
    if 0 < value < 1024:
        return f"{max(value / 1024, 0.01):.2f} KiB"
    scaled, unit = (value / 1024, "KiB") if value < 10 << 20 else (value / (1 << 20), "MiB")
    return f"{scaled:.1f}".removesuffix(".0") + f" {unit}"


def duration(seconds: float) -> str:
    """0.01234 -> "12.3 ms"; 95 -> "1 min 35 s"."""
    if seconds >= 60:
        return f"{seconds // 60:.0f} min {seconds % 60:.0f} s"
    if seconds >= 1:
        return f"{_digits(seconds)} s"
    return f"{_digits(seconds * 1e3)} ms" if seconds >= 1e-3 else f"{_digits(seconds * 1e6)} µs"


def energy(microjoule: float) -> str:
    """1510.0 -> "1.51 mJ"."""
    if microjoule >= 1e3:
        return f"{_digits(microjoule / 1e3)} mJ"
    return f"{_digits(microjoule)} µJ" if microjoule >= 1 else f"{_digits(microjoule * 1e3)} nJ"


def frequency(hertz: int) -> str:
    """64000000 -> "64 MHz"."""
    return f"{hertz / 1e6:g} MHz" if hertz < 1e9 else f"{hertz / 1e9:g} GHz"


def percent(part: float, whole: float = 1.0) -> str:
    """(1, 8) -> "12.5 %"."""
    if not whole:
        return DASH
    value = 100 * part / whole
    return "<0.1 %" if 0 < value < 0.05 else f"{value:.1f} %"


def shape(dimensions: tuple[int, ...]) -> str:
    """(1, 49, 40, 1) -> "1×49×40×1"."""
    return "×".join(map(str, dimensions)) or "scalar"


def score(accuracy: Accuracy, value: float | None) -> str:
    """A value of the metric: a fraction as percent, an error as a number."""
    if value is None:
        return DASH
    return percent(value) if accuracy.metric == "accuracy" else f"{value:.4g}"


def ratio(cycles: float, macs: int | None) -> str:
    """Cycles per multiply-accumulate, where there are any."""
    return f"{cycles / macs:.2f}" if macs else DASH


def target(report: Report) -> str:
    """What ran the model."""
    return _TARGETS.get(report.target, report.target.capitalize())


def verdict(report: Report) -> str:
    """The receipt in a few words."""
    parity = report.parity
    if report.verified:
        return f"bit-exact on {count(parity.vectors)} vectors"
    if not parity.vectors:
        return "not verified"
    return f"{count(parity.mismatching_bytes)} of {count(parity.bytes_compared)} bytes differ"


def time(report: Report) -> str:
    """Of one inference; "–" where it does not follow from what was counted."""
    return DASH if report.milliseconds is None else duration(report.milliseconds / 1e3)


def counted(report: Report, *, short: bool) -> str:
    """ "1,962 cycles at 64 MHz", or "1.40 k instructions"."""
    mean = report.cycles.mean
    what = f"{short_count(mean) if short else count(mean)} {report.cycles.unit}"
    is_cycles = report.cycles.unit == "cycles"
    return f"{what} at {frequency(report.board_info.cpu_hz)}" if is_cycles else what


def ways(report: Report) -> str:
    """How inputs and outputs travelled; "" if all took the link."""
    linked, vectors = report.parity.link_vectors, report.parity.vectors
    if linked is None or linked >= vectors:
        return ""
    return (
        f"{count(linked)} over the link, {count(vectors - linked)} through the simulator's memory"
    )


def doubts(report: Report) -> list[str]:
    """What takes weight from the receipt, and what a user should know of the model."""
    return [*([dead(report)] if dead(report) else []), *report.warnings]


def dead(report: Report) -> str:
    """Word of outputs that say nothing; "" if they do."""
    what = _steady(report)
    if not what:
        return ""
    if report.model.quantized_with:
        return (
            f"{what}, so this proves little: the model is dead or nearly so. It was quantized with "
            f"{report.model.quantized_with}: give typical inputs with --data or --representative."
        )
    return f"{what}, so this proves little: give inputs that the model tells apart with --data."


def _steady(report: Report) -> str:
    parity = report.parity
    vectors, commonest = parity.vectors, parity.commonest_output or 0
    if not report.verified or vectors < 2:
        return ""
    if parity.distinct_outputs == 1:
        return f"All {count(vectors)} vectors gave the same output"
    if vectors >= _MANY and commonest >= _NEARLY_ALL * vectors:
        return f"{count(commonest)} of {count(vectors)} vectors gave the same output"
    if parity.steady_outputs:
        return f"Over {count(vectors)} vectors no output moved by more than rounding does"
    return ""


def title(report: Report) -> str:
    """The model's line for people, or its name."""
    return report.model.title or report.model.name


def _digits(value: float) -> str:
    """Three significant digits, without an exponent."""
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"
