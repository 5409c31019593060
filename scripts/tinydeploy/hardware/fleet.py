"""One image on several boards at once: built once, flashed and verified in parallel."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from tinydeploy import boards, flash, pipeline, sources, targets
from tinydeploy.boards import Board
from tinydeploy.errors import DeviceError, ParityError, PortError, TinyDeployError, UsageError
from tinydeploy.link.board_lock import board_lock
from tinydeploy.link.transport import list_ports
from tinydeploy.pipeline import Job
from tinydeploy.sources import Source
from tinydeploy.stages import verify
from tinydeploy.stages.build import Image
from tinydeploy.stages.compile import Program
from tinydeploy.stages.vectors import Vectors
from tinydeploy.targets import SIMULATOR, Target
from tinydeploy.ui import Ui

USB = "usb"  # a target: the boards that are plugged in


@dataclass(frozen=True)
class Outcome:
    """What one board did; `error` is None when all its outputs are right."""

    where: str
    device_id: str
    vectors: int
    mismatching_bytes: int
    cycles: int
    seconds: float
    error: TinyDeployError | None = None


def deploy(job: Job, count: int, ui: Ui) -> list[Outcome]:
    """Deploy to `count` boards; all are tried, whatever happens to one.

    Raises:
        ParityError: an output of a board differs.
        DeviceError: a board failed; the message says which.
    """
    board = boards.load(job.board)
    places = _places(job, board, count)
    source = sources.resolve(job.model, job.variant, job.retrain, job.seed, ui, job.given)
    vectors = pipeline.choose_vectors(source, job)
    with pipeline.held(source, board, ui):
        return _deploy(job, places, board, source, vectors, ui)


def _deploy(
    job: Job, places: list[str], board: Board, source: Source, vectors: Vectors, ui: Ui
) -> list[Outcome]:
    program, image = pipeline.make_image(source, board, job.toolchain, job.engine, ui, job.choices)
    with ui.stage("boards") as stage, ThreadPoolExecutor(len(places)) as pool:
        tasks = [
            pool.submit(_one, place, job, board, source, program, image, vectors)
            for place in places
        ]
        outcomes = [task.result() for task in tasks]
        right = sum(outcome.error is None for outcome in outcomes)
        stage.detail = f"{right} of {len(places)} boards right, {vectors.count} vectors each"
    return outcomes


def table(outcomes: Sequence[Outcome]) -> str:
    """For people."""
    lines = [f"{'board':<28}{'id':<18}{'vectors':>8}{'wrong bytes':>13}{'cycles':>14}{'s':>8}"]
    for one in outcomes:
        figures = f"{one.vectors:>8}{one.mismatching_bytes:>13}{one.cycles:>14,}{one.seconds:>8.1f}"
        lines.append(f"{one.where:<28}{one.device_id:<18}{figures}")
        if one.error is not None:
            lines.append(f"  {one.error.message}")
    return "\n".join(lines)


def to_json(job: Job, outcomes: Sequence[Outcome]) -> str:
    """For machines: a report's keys where they mean the same, once for each board."""
    devices = [
        {
            "target": one.where,
            "device_id": one.device_id,
            "parity": {"vectors": one.vectors, "mismatching_bytes": one.mismatching_bytes},
            "cycles": {"mean": one.cycles},
            "seconds": round(one.seconds, 3),
            "error": None if one.error is None else one.error.message,
        }
        for one in outcomes
    ]
    return json.dumps(
        {"model": {"name": job.model}, "board": job.board, "devices": devices}, indent=2
    )


def require_all(outcomes: Sequence[Outcome]) -> None:
    """Raise for the boards that failed, a wrong output first."""
    failed = [one for one in outcomes if one.error is not None]
    if not failed:
        return
    text = f"{len(failed)} of {len(outcomes)} boards failed: {', '.join(o.where for o in failed)}"
    if any(isinstance(one.error, ParityError) for one in failed):
        raise ParityError(text, "compare such a board with `tinydeploy verify --explain`")
    raise DeviceError(text, failed[0].error.hint if failed[0].error else "")


def _places(job: Job, board: Board, count: int) -> list[str]:
    """Where the boards are: simulators, named ports, or those on USB."""
    if job.target in ("auto", SIMULATOR):
        return [SIMULATOR] * count
    found = _on_usb(board) if job.target == USB else job.target.split(",")
    if len(set(found)) < count:
        raise UsageError(
            f"{len(set(found))} boards for --count {count}: {', '.join(found) or 'none'}",
            "give --target port,port,... or plug in more boards; `tinydeploy doctor` lists them",
        )
    return found[:count]


def _on_usb(board: Board) -> list[str]:
    ids = board.usb.application_ids if board.usb else frozenset()
    return [port.device for port in list_ports() if (port.vendor_id, port.product_id) in ids]


def _one(
    place: str,
    job: Job,
    board: Board,
    source: Source,
    program: Program,
    image: Image,
    vectors: Vectors,
) -> Outcome:
    started = time.monotonic()
    failed = Outcome(place, "", 0, 0, 0, 0.0)
    try:
        target = targets.choose(place, board, None, job.modelled_baud)
        if not target.is_port:
            done = _verified(target, board, source, program, image, vectors, job.link_vectors)
        else:
            with board_lock(place):
                target = _flashed(target, job, board, image)
                done = _verified(target, board, source, program, image, vectors, job.link_vectors)
    except TinyDeployError as error:
        done = replace(failed, error=error)
    return replace(done, where=place, seconds=time.monotonic() - started)


def _flashed(target: Target, job: Job, board: Board, image: Image) -> Target:
    result = flash.flash(image.bin, board, target.name, tool=job.flash_tool)
    if not result.port:
        raise PortError(f"the board of {target.name} did not come back", "reset it")
    return replace(target, name=result.port)


def _verified(
    target: Target,
    board: Board,
    source: Source,
    program: Program,
    image: Image,
    vectors: Vectors,
    link_vectors: int | None,
) -> Outcome:
    device = targets.open_device(target, board, image.elf)
    try:
        identity = verify.connect(device, source.data, image.build_id)
        found = verify.verify(
            *(device, source.model, source.data, vectors, program.steps),
            link_vectors=link_vectors,
        )
    finally:
        device.close()
    wrong = found.mismatching_bytes
    error = ParityError(found.first_mismatch) if wrong else None
    cycles = found.cycles[-1]
    return Outcome(target.name, identity.device_id, found.vectors, wrong, cycles, 0.0, error)
