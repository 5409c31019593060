"""`doctor`, `boards`, `models` and `ops`: what there is and whether it is in order."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from tinydeploy import boards, whole
from tinydeploy.commands import common
from tinydeploy.ui import Ui

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tinydeploy.link.transport import PortInfo
    from tinydeploy.models import ModelSpec, Variant


def add_commands(commands: common.Commands) -> None:
    """Add this area's commands."""
    doctor = common.add(commands, "doctor", _doctor, "check this machine, its ports and boards")
    doctor.add_argument("--json", action="store_true", help="print JSON")
    doctor.add_argument("--fix", action="store_true", help="print the commands that put it right")
    doctor.add_argument(
        "--probe", action="store_true", help="ask what runs on each port, which may restart a board"
    )
    common.add_json(common.add(commands, "boards", _boards, "list the boards"))
    common.add_json(
        common.add(commands, "models", _models, "list the models with their variants and figures")
    )
    ops = common.add(commands, "ops", _ops, "the table of operators: types, engines, kernels")
    form = ops.add_mutually_exclusive_group()
    form.add_argument("--markdown", action="store_true", help="print docs/ops.md")
    form.add_argument("--json", action="store_true", help="print JSON, a row a combination")
    form.add_argument("--write", action="store_true", help="write docs/ops.md and params.json")
    form.add_argument("--check", action="store_true", help="fail if one of them is not current")


def _doctor(options: argparse.Namespace, ui: Ui) -> int:
    from tinydeploy import doctor

    findings = doctor.diagnose(_firmware_on if options.probe else None)
    if options.fix:
        print("\n".join(doctor.fix_commands(findings)))
        return 0
    print(doctor.to_json(findings) if options.json else doctor.to_text(findings))
    return 4 if any(finding.level == "error" for finding in findings) else 0


def _boards(options: argparse.Namespace, ui: Ui) -> None:
    found = [boards.load(name) for name in boards.names()]
    rows = [{name: getattr(board, name) for name in _BOARD_FIELDS} for board in found]
    common.print_result(options, rows, *map(_board_line, found))


_BOARD_FIELDS = ("id", "name", "chip", "cpu_hz", "flash_size", "ram_size", "simulator")


def _board_line(board: boards.Board) -> str:
    memory = f"{board.flash_size >> 10} KiB flash, {board.ram_size >> 10} KiB RAM"
    return f"{board.id:<16}{board.name:<32}{board.cpu_hz // 1_000_000} MHz, {memory}"


def _models(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy import models

    specs = [models.load(name) for name in models.names()]
    rows = [_model_row(spec, variant) for spec in specs for variant in spec.variants]
    common.print_result(options, rows, *(line for spec in specs for line in _model_lines(spec)))


def _model_row(spec: ModelSpec, variant: Variant) -> dict[str, object]:
    from tinydeploy import records

    return {
        "model": spec.name,
        "title": spec.title,
        "variant": variant.name,
        "default": variant.name == spec.default_variant,
        "quantization": variant.quantization,
        "tflite": _committed(spec, variant),
        "metrics": records.metrics_of(spec.folder, variant.name),
    }


def _model_lines(spec: ModelSpec) -> Iterator[str]:
    yield f"{spec.name}: {spec.title}"
    for variant in spec.variants:
        mark = "*" if variant.name == spec.default_variant else " "
        yield f"  {mark} {variant.name:<12}{_figures(spec, variant)}"


def _committed(spec: ModelSpec, variant: Variant) -> Path | None:
    """The .tflite of a variant; None where it has not been trained yet."""
    path = spec.folder / variant.tflite
    return path if path.is_file() else None


def _figures(spec: ModelSpec, variant: Variant) -> str:
    """Size, and what training measured, as far as they are known."""
    from tinydeploy import records

    path, record = _committed(spec, variant), records.of_folder(spec, variant.name, spec.folder)
    if path is None:
        return f"not trained yet: `tinydeploy train {spec.name} --variant {variant.name} --update`"
    size = f"{path.stat().st_size:,} bytes, {variant.quantization}"
    return f"{size}, {record.figures}" if record.metrics else size


def _firmware_on(port: PortInfo) -> str:
    """What firmware answers on a port, for doctor."""
    from tinydeploy.link.client import Device
    from tinydeploy.link.patience import Patience
    from tinydeploy.link.transport import SerialTransport
    from tinydeploy.simulate import ids

    baud = max(boards.load(name).baud for name in boards.names())
    device = Device(SerialTransport(port.device, baud), Patience(tries=2))
    try:
        found = device.hello()
    finally:
        device.close()
    simulated = "a simulated board: " if ids.is_simulated(found.device_id) else ""
    return (
        f"{simulated}firmware of {found.board}, {found.engine} engine, build "
        f"{found.build_id[:12]}, model {found.model_hash[:12]}, ABI as this host's"
    )


def _ops(options: argparse.Namespace, ui: Ui) -> None:
    from tinydeploy.errors import SetupError
    from tinydeploy.fuzz import params, table
    from tinydeploy.ops.persistent import PARAMS

    if options.write:
        params.save(params.sizes())
    rows = table.rows()
    if options.write:
        whole.write(table.DOCUMENT, table.to_markdown(rows))
    elif options.check:
        stale = [] if table.is_current(rows) else [table.DOCUMENT]
        stale += [] if params.is_current() else [PARAMS]
        if stale:
            names = " and ".join(path.name for path in stale)
            raise SetupError(f"{names}: not what the code says", "run: tinydeploy ops --write")
    elif options.markdown or options.json:
        print((table.to_markdown if options.markdown else table.to_json)(rows).rstrip())
    else:
        print(table.to_text(rows))
