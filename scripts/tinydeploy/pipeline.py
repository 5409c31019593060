"""The main path: a model in, a verified device and a report out.

Each stage leaves its result under `build/<model>/<board>/` beside a key, the hash of what it was
made from; a stage whose key has not changed is not run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from rich.markup import escape

from tinydeploy import boards, flash, images, programs, report_builder, targets
from tinydeploy import report as report_stage
from tinydeploy.config import BUILD_DIR
from tinydeploy.deployment import LINK_VECTORS, Deployment, require_parity, verified
from tinydeploy.errors import ParityError, UsageError
from tinydeploy.keys import CachedResult, key_of, package_key
from tinydeploy.link import slots
from tinydeploy.report.model import Report
from tinydeploy.sources import NOTHING, Given, Source, resolve
from tinydeploy.stages import input_spec
from tinydeploy.stages import vectors as vectors_stage
from tinydeploy.stages import verify as verify_stage
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.flavour import Flavour
from tinydeploy.stages.vectors import Vectors
from tinydeploy.stages.verify import OpComparison, Verification
from tinydeploy.targets import Target
from tinydeploy.ui import Ui

DEFAULT_VECTORS = 100


@dataclass(frozen=True)
class Job:
    """What to deploy, where to and how to check it; the options of `tinydeploy deploy`.

    Attributes:
        model: name of a model of ours, or path of a .tflite, .keras or SavedModel.
        build: how the firmware is built.
        vectors: how many inferences; None for the whole test set.
        link_vectors: so many of them go over the link of a simulated board, the others through its
            memory; None for all.
        data: file or folder of the user's own test data.
        given: what else is said of the model.
        force: do again what has not changed.
    """

    board: str
    model: str
    variant: str | None = None
    target: str = "auto"
    link_port: str | None = None
    build: BuildOptions = BuildOptions()  # noqa: RUF009 - frozen
    vectors: int | None = DEFAULT_VECTORS
    link_vectors: int | None = LINK_VECTORS
    data: Path | None = None
    seed: int = 1
    retrain: bool = False
    given: Given = NOTHING
    modelled_baud: bool = False
    wait_states: bool = False
    usb: bool = False
    flash_tool: str | None = None
    force: bool = False


def deploy(job: Job, ui: Ui) -> Report:
    """Run the main path. The report is written even when the outputs differ.

    Raises:
        ParityError: an output differs; others of `tinydeploy.errors` for what went wrong before.
    """
    with _prepared(job, ui) as found:
        with targets.held(found.target):
            if found.target.is_port and not found.target.is_remote:
                found = replace(found, target=_flash(found, job, ui))
            if job.build.flavour is Flavour.HOT_SWAP and found.target.is_port:
                _run_built_in(found)
            verification = _verify(found, job, ui)
        report = report_builder.make_report(found, verification, ui.times, _versions(), _now())
        report_stage.write(report, programs.output_folder(found.source, found.board))
        _require_parity(verification, job)
        return report


def verify_only(job: Job, ui: Ui) -> Verification:
    """Compare what already runs on the target with TFLM: nothing is flashed.

    Raises:
        ParityError: an output differs.
    """
    with _prepared(job, ui) as found:
        verification = _verify(found, replace(job, force=True), ui)
    _require_parity(verification, job)
    return verification


def explain(job: Job, vector: int, ui: Ui) -> list[OpComparison]:
    """Compare every intermediate tensor of one vector; dumps both sides as .npy files.

    Raises:
        UsageError: there is no such vector.
        ParityError: an operator differs.
    """
    with _prepared(job, ui) as found:
        source, vectors = found.source, found.vectors
        if vector >= vectors.count:
            raise UsageError(f"no vector {vector}", f"there are {vectors.count}, counted from 0")
        folder = programs.output_folder(source, found.board)
        dumps = folder / "explain" / f"vector{vector}"
        device = targets.open_device(found.target, found.board, found.image.elf)
        try:
            verify_stage.connect(device, source.data)
            steps = verify_stage.explain(
                *(device, source.data, vectors, vector, found.program.steps, dumps)
            )
        finally:
            device.close()
    for step in steps:
        mark = "[red]differs[/red]" if step.mismatching_bytes else "[green]equal[/green]"
        ui.say(
            f"{step.op_index:4} {escape(step.op):<24}{mark} {step.mismatching_bytes:6} of "
            f"{step.bytes:6} bytes, largest difference {step.largest_difference:g}"
        )
    ui.say(f"tensors: [bold]{escape(str(dumps))}[/bold]")
    first = next((step for step in steps if step.mismatching_bytes), None)
    if first is not None:
        raise ParityError(
            f"operator {first.op_index} ({first.op}) differs first, in {first.tensor}",
            f"compare its tensors in {dumps}",
        )
    return steps


def report_path(report: Report) -> Path:
    """The page that a person wants to look at."""
    folder = report.model.folder or report.model.name
    return BUILD_DIR / folder / report.board / "report.html"


def choose_vectors(source: Source, job: Job) -> Vectors:
    """The user's data, else the model's own test set, else seeded noise."""
    specs = input_spec.input_specs(source.model)
    is_regression = None if source.spec is None else source.spec.is_regression
    answers = input_spec.answers(source.model, source.labels, is_regression)
    if job.data is not None:
        return vectors_stage.load(job.data, specs, answers).take(job.vectors, job.seed)
    if source.record is not None:
        inputs, labels = source.record.test_set()
        where = f"test set of {source.name}"
        own = vectors_stage.fitted((inputs,), labels, specs, where, answers)
        return replace(own, of_training=True).take(job.vectors, job.seed)
    return vectors_stage.random(specs, job.vectors or DEFAULT_VECTORS, job.seed)


@contextmanager
def _prepared(job: Job, ui: Ui) -> Iterator[Deployment]:
    """What a job deploys or compares, built, with its folder held."""
    board = boards.load(job.board)
    target = targets.choose(
        job.target,
        board,
        job.link_port,
        modelled_baud=job.modelled_baud,
        wait_states=job.wait_states,
        usb=job.usb,
    )
    source = resolve(job.model, job.variant, job.retrain, job.seed, ui, job.given)
    vectors = choose_vectors(source, job)  # what does not fit is told before the build
    with programs.held(source, board, ui):
        program, image = images.make_image(source, board, job.build, ui)
        yield Deployment(source, board, target, vectors, program, image)


def _require_parity(found: Verification, job: Job) -> None:
    command = f"tinydeploy verify --model {job.model} --board {job.board} --explain"
    require_parity(found, f"`{command}` shows the tensors operator by operator")


def _flash(found: Deployment, job: Job, ui: Ui) -> Target:
    """Write the image; the target afterwards, whose port may have another name."""
    board, target = found.board, found.target
    with ui.stage("flash") as stage, ui.progress(f"flash {board.name}") as progress:
        result = flash.flash(
            *(found.image.bin, board, target.name),
            tool=job.flash_tool,
            observer=flash.Observer(progress),
        )
        stage.detail = result.summary
    return replace(target, name=result.port or target.name)


def _run_built_in(found: Deployment) -> None:
    """Pushed models outlast flashing; a deployment is to run its own."""
    device = targets.open_device(found.target, found.board, found.image.elf)
    try:
        device.hello()
        slots.activate(device, slots.BUILT_IN)
    finally:
        device.close()


def _verify(found: Deployment, job: Job, ui: Ui) -> Verification:
    target = found.target
    # Where bytes take the time of a wire, all of them go over it.
    link_vectors = None if target.modelled_baud else job.link_vectors
    folder = programs.output_folder(found.source, found.board)
    known = CachedResult(folder / "verification.json", _verification_key(found, link_vectors))
    with ui.stage("verify") as stage:
        outcome = None
        if target.repeatable and not job.force:
            outcome = report_builder.load_verification(known)
        stage.cached = outcome is not None
        if outcome is None:
            outcome = verified(found, link_vectors, ui, "verify")
            report_builder.save_verification(known, outcome)
        stage.detail = (
            f"{outcome.vectors} vectors, {outcome.bytes_compared:,} bytes, "
            f"{outcome.mismatching_bytes} differ; {found.vectors.source}"
            f"{', on a simulated board' if target.is_port and outcome.is_simulated else ''}"
        )
    return outcome


def _verification_key(found: Deployment, link_vectors: int | None) -> str:
    image, target = found.image, found.target
    return key_of(
        *(image.build_id, image.sha256, found.vectors.sha256(), target.name, str(link_vectors)),
        *(str(target.wait_states), str(target.usb), package_key()),
    )


def _versions() -> dict[str, str]:
    return report_builder.versions(["tflite-micro", "numpy", "platformio", "ziglang", "unicorn"])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
