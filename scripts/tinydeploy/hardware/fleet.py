"""One image on several boards at once: built once, flashed and verified in parallel."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace

from tinydeploy import boards, flash, images, pipeline, programs, sources, targets
from tinydeploy.boards import Board
from tinydeploy.deployment import Deployment
from tinydeploy.errors import DeviceError, ParityError, PortError, TinyDeployError, UsageError
from tinydeploy.link.board_lock import board_lock
from tinydeploy.link.transport import list_ports
from tinydeploy.pipeline import Job
from tinydeploy.stages import verify
from tinydeploy.targets import SIMULATOR, Target
from tinydeploy.ui import Ui

USB = "usb"  # a target: the boards that are plugged in


@dataclass(frozen=True)
class FleetOutcome:
    """What one board did; `error` is None when all its outputs are right."""

    where: str
    device_id: str
    vectors: int
    mismatching_bytes: int
    cycles: int
    seconds: float
    error: TinyDeployError | None = None


def deploy(job: Job, count: int, ui: Ui) -> list[FleetOutcome]:
    """Deploy to `count` boards; all are tried, whatever happens to one.

    Raises:
        ParityError: an output of a board differs.
        DeviceError: a board failed; the message says which.
    """
    board = boards.load(job.board)
    places = _places(job, board, count)
    source = sources.resolve(job.model, job.variant, job.retrain, job.seed, ui, job.given)
    vectors = pipeline.choose_vectors(source, job)
    with programs.held(source, board, ui):
        program, image = images.make_image(source, board, job.build, ui)
        found = [
            Deployment(source, board, targets.Target(place), vectors, program, image)
            for place in places
        ]
        return _deploy(job, found, ui)


def _deploy(job: Job, found: Sequence[Deployment], ui: Ui) -> list[FleetOutcome]:
    with ui.stage("boards") as stage, ThreadPoolExecutor(len(found)) as pool:
        tasks = [pool.submit(_one, one, job) for one in found]
        outcomes = [task.result() for task in tasks]
        right = sum(outcome.error is None for outcome in outcomes)
        count = found[0].vectors.count
        stage.detail = f"{right} of {len(found)} boards right, {count} vectors each"
    return outcomes


def table(outcomes: Sequence[FleetOutcome]) -> str:
    """For people."""
    lines = [f"{'board':<28}{'id':<18}{'vectors':>8}{'wrong bytes':>13}{'cycles':>14}{'s':>8}"]
    for one in outcomes:
        figures = f"{one.vectors:>8}{one.mismatching_bytes:>13}{one.cycles:>14,}{one.seconds:>8.1f}"
        lines.append(f"{one.where:<28}{one.device_id:<18}{figures}")
        if one.error is not None:
            lines.append(f"  {one.error.message}")
    return "\n".join(lines)


def to_json(job: Job, outcomes: Sequence[FleetOutcome]) -> str:
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


def require_all(outcomes: Sequence[FleetOutcome]) -> None:
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


def _one(found: Deployment, job: Job) -> FleetOutcome:
    started, place = time.monotonic(), found.target.name
    failed = FleetOutcome(place, "", 0, 0, 0, 0.0)
    try:
        target = targets.choose(place, found.board, modelled_baud=job.modelled_baud)
        found = replace(found, target=target)
        if not target.is_port:
            done = _verified(found, job)
        else:
            with board_lock(place):
                done = _verified(replace(found, target=_flashed(found, job)), job)
    except TinyDeployError as error:
        done = replace(failed, error=error)
    return replace(done, where=place, seconds=time.monotonic() - started)


def _flashed(found: Deployment, job: Job) -> Target:
    target = found.target
    result = flash.flash(found.image.bin, found.board, target.name, tool=job.flash_tool)
    if not result.port:
        raise PortError(f"the board of {target.name} did not come back", "reset it")
    return replace(target, name=result.port)


def _verified(found: Deployment, job: Job) -> FleetOutcome:
    source, image = found.source, found.image
    device = targets.open_device(found.target, found.board, image.elf)
    try:
        identity = verify.connect(device, source.data, image.build_id)
        verified = verify.verify(
            *(device, source.model, source.data, found.vectors, found.program.steps),
            link_vectors=job.link_vectors,
        )
    finally:
        device.close()
    wrong = verified.mismatching_bytes
    error = ParityError(verified.first_mismatch) if wrong else None
    who, cycles = identity.device_id, verified.cycles[-1]
    return FleetOutcome(found.target.name, who, verified.vectors, wrong, cycles, 0.0, error)
