"""The main path: a model in, a verified device and a report out.

Each stage leaves its result under `build/<model>/<board>/` beside a key, the hash of what it was
made from; a stage whose key has not changed is not run again.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path

from rich.markup import escape

from tinydeploy import boards, flash, judge, locks, receipt, targets, whole
from tinydeploy import report as report_stage
from tinydeploy.boards import Board
from tinydeploy.config import BUILD_DIR
from tinydeploy.errors import DeviceFaultError, ModelTooLargeError, ParityError, UsageError
from tinydeploy.keys import Keyed, key_of, package_key
from tinydeploy.link import slots
from tinydeploy.lower.compile_options import Choices
from tinydeploy.lower.lowering import NotCompilableError
from tinydeploy.report.model import Report
from tinydeploy.simulate import ids
from tinydeploy.sources import NOTHING, Given, Source, resolve
from tinydeploy.stages import build as build_stage
from tinydeploy.stages import fitting, input_spec, remedies, trial
from tinydeploy.stages import push_key as push_keys
from tinydeploy.stages import vectors as vectors_stage
from tinydeploy.stages import verify as verify_stage
from tinydeploy.stages.build import Image
from tinydeploy.stages.compile import Program, compile_model
from tinydeploy.stages.compile_plan import compile_plan
from tinydeploy.stages.fitting import Attempt
from tinydeploy.stages.vectors import Vectors
from tinydeploy.stages.verify import OpComparison, Verification
from tinydeploy.targets import Target
from tinydeploy.ui import Ui

DEFAULT_VECTORS = 100
LINK_VECTORS = 10
RESERVED_RAM_BYTES = 16 << 10  # stack and static data, when the arena is still to be measured
HOST_ARENA_BYTES = 64 << 20


@dataclass(frozen=True)
class Job:
    """What to deploy, where to and how to check it; the options of `tinydeploy deploy`.

    Attributes:
        model: name of a model of ours, or path of a .tflite, .keras or SavedModel.
        engine: "compiled", "interpreter", or "auto": compiled where every operator can be.
        choices: of the compiled engine.
        vectors: how many inferences; None for the whole test set.
        link_vectors: so many of them go over the link of a simulated board, the others through its
            memory; None for all.
        data: file or folder of the user's own test data.
        given: what else is said of the model.
        force: do again what has not changed.
        hot_swap: an image with all operators and model slots, for `tinydeploy push`.
        push_key: the file of the key that a push to it will need, see `stages.push_key`.
    """

    board: str
    model: str
    variant: str | None = None
    target: str = "auto"
    link_port: str | None = None
    toolchain: str = "zig"
    engine: str = "auto"
    vectors: int | None = DEFAULT_VECTORS
    link_vectors: int | None = LINK_VECTORS
    data: Path | None = None
    seed: int = 1
    retrain: bool = False
    given: Given = NOTHING
    modelled_baud: bool = False
    wait_states: bool = False
    usb: bool = False
    choices: Choices = Choices()  # noqa: RUF009 - frozen
    flash_tool: str | None = None
    force: bool = False
    hot_swap: bool = False
    push_key: Path | None = None


def deploy(job: Job, ui: Ui) -> Report:
    """Run the main path. The report is written even when the outputs differ.

    Raises:
        ParityError: an output differs; others of `tinydeploy.errors` for what went wrong before.
    """
    board = boards.load(job.board)
    target = _target(job, board)
    source = resolve(job.model, job.variant, job.retrain, job.seed, ui, job.given)
    vectors = choose_vectors(source, job)  # what does not fit is told before the build
    with held(source, board, ui):
        return _deploy(job, source, board, target, vectors, ui)


def _deploy(
    job: Job, source: Source, board: Board, target: Target, vectors: Vectors, ui: Ui
) -> Report:
    folder = output_folder(source, board)
    program, image = make_image(
        source,
        board,
        job.toolchain,
        job.engine,
        ui,
        job.choices,
        hot_swap=job.hot_swap,
        push_key=job.push_key,
    )
    with targets.held(target):
        if target.is_port and not target.is_remote:
            target = _flash(image, board, target, job, ui)
        if job.hot_swap and target.is_port:
            _run_built_in(image, board, target)
        verification = _verify(source, board, program, image, target, vectors, folder, job, ui)
    report = receipt.make_report(
        source, board, target, program, image, vectors, verification, ui.times, _versions(), _now()
    )
    report_stage.write(report, folder)
    _require_parity(verification, job)
    return report


def verify_only(job: Job, ui: Ui) -> Verification:
    """Compare what already runs on the target with TFLM: nothing is flashed.

    Raises:
        ParityError: an output differs.
    """
    with _prepared(job, ui) as (board, target, source, vectors, program, image):
        folder = output_folder(source, board)
        anew = replace(job, force=True)
        found = _verify(source, board, program, image, target, vectors, folder, anew, ui)
    _require_parity(found, job)
    return found


def explain(job: Job, vector: int, ui: Ui) -> list[OpComparison]:
    """Compare every intermediate tensor of one vector; dumps both sides as .npy files.

    Raises:
        UsageError: there is no such vector.
        ParityError: an operator differs.
    """
    with _prepared(job, ui) as (board, target, source, vectors, program, image):
        if vector >= vectors.count:
            raise UsageError(f"no vector {vector}", f"there are {vectors.count}, counted from 0")
        dumps = output_folder(source, board) / "explain" / f"vector{vector}"
        device = targets.open_device(target, board, image.elf)
        try:
            verify_stage.connect(device, source.data)
            steps = verify_stage.explain(device, source.data, vectors, vector, program.steps, dumps)
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


def output_folder(source: Source, board: Board) -> Path:
    """`build/<model>/<board>`."""
    return BUILD_DIR / source.folder / board.id


def held(source: Source, board: Board, ui: Ui) -> AbstractContextManager[None]:
    """Keeps other runs from `output_folder`; says so when it has to wait for one."""
    return locks.held(output_folder(source, board), ui.warn)


def report_path(report: Report) -> Path:
    """The page that a person wants to look at."""
    folder = report.model.folder or report.model.name
    return BUILD_DIR / folder / report.board / "report.html"


def last_image(board: Board) -> Path:
    """The .bin that was built last for `board`.

    Raises:
        UsageError: nothing was built for it yet.
    """
    images = sorted(
        BUILD_DIR.glob(f"*/{board.id}/firmware/firmware.bin"), key=lambda path: path.stat().st_mtime
    )
    if not images:
        raise UsageError(
            f"nothing was built for {board.id} yet", f"run `tinydeploy build --board {board.id}`"
        )
    return images[-1]


def make_image(
    source: Source,
    board: Board,
    toolchain: str,
    engine: str,
    ui: Ui,
    choices: Choices = Choices(),  # noqa: B008 - frozen
    *,
    hot_swap: bool = False,
    push_key: Path | None = None,
) -> tuple[Program, Image]:
    """Compile and build, with the arena that the model needs and no more.

    Where that does not fit, engine "auto" takes what does and says so, see `stages.fitting`.

    Args:
        hot_swap: with all operators, model slots, and all RAM that is left as the arena.
        push_key: with it, the file of the key that a push will need.
    """
    out_dir = output_folder(source, board) / "firmware"
    with held(source, board, ui):
        if hot_swap:
            program = _hot_swap_program(source, board, engine, push_key, ui)
            return program, _build(program, board, toolchain, out_dir, ui)

        def make(attempt: Attempt) -> tuple[Program, Image]:
            if attempt.option:
                ui.say(f"[dim]too large: trying {escape(attempt.option)}[/dim]")
            how = (attempt.engine, None, ui, attempt.choices)
            program = make_program(source, board, toolchain, *how)
            with remedies.offered(source.tflite, board, attempt.engine, attempt.choices):
                return program, _build(program, board, toolchain, out_dir, ui)

        tried = fitting.attempts(engine, choices)
        (program, image), note = fitting.first_that_fits(tried, make)
        if note:
            ui.warn(note)
        return replace(program, chosen=note), image


def make_bare_image(
    source: Source,
    board: Board,
    toolchain: str,
    engine: str,
    ui: Ui,
    choices: Choices = Choices(),  # noqa: B008 - frozen
) -> tuple[Program, Image]:
    """The model, the engine and the board's start-up, without link and commands: what they take."""
    folder = output_folder(source, board) / f"bare-{engine}"
    with held(source, board, ui):
        program = make_program(source, board, toolchain, engine, folder, ui, choices)
        whole.write(folder / build_stage.BARE_FILE, "// No link. See firmware/bare.\n")
        return program, _build(program, board, toolchain, folder / "firmware", ui)


def make_program(
    source: Source,
    board: Board,
    toolchain: str,
    engine: str,
    out_dir: Path | None,
    ui: Ui,
    choices: Choices = Choices(),  # noqa: B008 - frozen
) -> Program:
    """The model as C++ in `out_dir`, or in the build folder: a plan, or a model to interpret.

    Raises:
        UnsupportedModelError: TFLM, the judge, does not run the model.
        NotCompilableError: `engine` is "compiled" and an operator has no exact kernel there.
    """
    trial.require_accepted(source.data, source.model)
    with held(source, board, ui), remedies.offered(source.tflite, board, engine, choices):
        return _make_program(source, board, toolchain, engine, out_dir, ui, choices)


def _make_program(
    source: Source,
    board: Board,
    toolchain: str,
    engine: str,
    out_dir: Path | None,
    ui: Ui,
    choices: Choices,
) -> Program:
    folder = out_dir or output_folder(source, board)
    if engine != "interpreter":
        try:
            return _compile_plan(source, board, folder if out_dir else folder / "plan", choices, ui)
        except NotCompilableError as error:
            if engine == "compiled":
                raise
            ui.say(f"[dim]interpreter engine: {escape(error.message)}[/dim]")
    return _compile_model(source, board, toolchain, folder if out_dir else folder / "program", ui)


def _hot_swap_program(
    source: Source, board: Board, engine: str, push_key: Path | None, ui: Ui
) -> Program:
    if engine == "compiled":
        raise UsageError(
            "hot swap needs the interpreter engine: a plan is part of the image",
            "leave --engine out",
        )
    if not board.slot_bytes:
        raise UsageError(f"{board.id} has no room for models", f"slot_bytes in {board.id}.json")
    key = push_keys.read(push_key) if push_key else None
    trial.require_accepted(source.data, source.model)
    folder = output_folder(source, board) / "hot_swap"
    with ui.stage("compile") as stage:
        program = compile_model(
            source.tflite, board, folder, name=source.name, arena_bytes=_largest_arena(board)
        )
        whole.write_if_changed(
            folder / build_stage.HOT_SWAP_FILE, "All operators, and model slots.\n"
        )
        push_keys.put(folder, key)
        keyed = ", pushed to with the key alone" if key else ""
        stage.detail = f"all operators, arena {program.arena_bytes:,} bytes for any model{keyed}"
    return program


def _largest_arena(board: Board) -> int:
    return HOST_ARENA_BYTES if board.is_host else board.ram_size - RESERVED_RAM_BYTES


def _compile_plan(source: Source, board: Board, out_dir: Path, choices: Choices, ui: Ui) -> Program:
    with ui.stage("compile") as stage:
        program = compile_plan(
            source.tflite,
            out_dir,
            name=source.name,
            choices=choices,
            ram_bytes=None if board.is_host else board.ram_size - RESERVED_RAM_BYTES,
        )
        stage.detail = (
            f"{len(program.ops)} operators as {len(program.steps)} steps, {program.macs:,} MACs, "
            f"arena {program.arena_bytes:,} bytes"
        )
    return program


def _compile_model(source: Source, board: Board, toolchain: str, out_dir: Path, ui: Ui) -> Program:
    folder = output_folder(source, board)
    arena_bytes = _arena_bytes(source, board, toolchain, folder, ui)
    with ui.stage("compile") as stage:
        program = compile_model(
            source.tflite,
            board,
            out_dir,
            name=source.name,
            arena_bytes=arena_bytes,
            tflm_arena_bytes=judge.smallest_arena_bytes(source.data),
        )
        stage.detail = (
            f"{len(program.ops)} operators, {program.macs:,} MACs, arena {arena_bytes:,} bytes"
        )
    return program


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
def _prepared(job: Job, ui: Ui) -> Iterator[tuple[Board, Target, Source, Vectors, Program, Image]]:
    """What a job compares, with its folder held."""
    board = boards.load(job.board)
    target = _target(job, board)
    source = resolve(job.model, job.variant, job.retrain, job.seed, ui, job.given)
    vectors = choose_vectors(source, job)
    with held(source, board, ui):
        program, image = make_image(source, board, job.toolchain, job.engine, ui, job.choices)
        yield board, target, source, vectors, program, image


def _target(job: Job, board: Board) -> Target:
    return targets.choose(
        job.target, board, job.link_port, job.modelled_baud, job.wait_states, job.usb
    )


def _require_parity(found: Verification, job: Job) -> None:
    if found.mismatching_bytes:
        raise ParityError(
            f"{found.mismatching_bytes} of {found.bytes_compared} output bytes differ from TFLM; "
            f"first at {found.first_mismatch}",
            f"`tinydeploy verify --model {job.model} --board {job.board} --explain` shows the "
            "tensors operator by operator",
        )


def _arena_bytes(source: Source, board: Board, toolchain: str, folder: Path, ui: Ui) -> int:
    """Measured: the firmware itself allocates in a large arena and says what it used."""
    known = Keyed(folder / "arena.json", _arena_key(source, board, toolchain))
    found = known.load()
    if found is not None:
        return int(found["arena_bytes"])
    with ui.stage("measure") as stage:
        used = _measure_arena(source, board, toolchain, folder)
        stage.detail = f"arena of {used:,} bytes, by running AllocateTensors"
    known.save({"arena_bytes": used})
    return used


def _arena_key(source: Source, board: Board, toolchain: str) -> str:
    return key_of(
        source.sha256, board.id, toolchain, build_stage.sources_hash(board), package_key()
    )


def _measure_arena(source: Source, board: Board, toolchain: str, folder: Path) -> int:
    large = _largest_arena(board)
    program = compile_model(
        source.tflite, board, folder / "measure", name=source.name, arena_bytes=large
    )
    image = build_stage.build(
        program.folder, board, toolchain=toolchain, out_dir=folder / "measure"
    )
    device = targets.open_device(
        targets.choose("auto", board, None, modelled_baud=False), board, image.elf
    )
    try:
        identity = device.hello()
        memory = device.memory()
        if identity.has_model:
            return memory["arena_used_bytes"]
        if memory["arena_used_bytes"] > large:
            raise ModelTooLargeError(
                f"the model needs an arena of {memory['arena_used_bytes']:,} bytes, {board.name} "
                f"has room for {large:,}",
                memory=remedies.RAM,
            )
        raise DeviceFaultError(
            f"the firmware refused the model: {device.diagnose()}",
            "look at the model with `tinydeploy inspect`",
        )
    finally:
        device.close()


def _build(program: Program, board: Board, toolchain: str, out_dir: Path, ui: Ui) -> Image:
    with ui.stage("build") as stage:
        image = build_stage.build(
            program.folder,
            board,
            toolchain=toolchain,
            out_dir=out_dir,
            changing=lambda: report_stage.withdraw(out_dir.parent),
        )
        stage.cached = image.cached
        stage.detail = (
            f"flash {image.flash_bytes:,} of {board.flash_size:,} bytes, "
            f"RAM {image.ram_bytes:,} + arena {program.arena_bytes:,}"
        )
    return image


def _flash(image: Image, board: Board, target: Target, job: Job, ui: Ui) -> Target:
    """Write the image; the target afterwards, whose port may have another name."""
    with ui.stage("flash") as stage, ui.progress(f"flash {board.name}") as progress:
        result = flash.flash(image.bin, board, target.name, tool=job.flash_tool, progress=progress)
        stage.detail = result.summary
    return replace(target, name=result.port or target.name)


def _run_built_in(image: Image, board: Board, target: Target) -> None:
    """Pushed models outlast flashing; a deployment is to run its own."""
    device = targets.open_device(target, board, image.elf)
    try:
        device.hello()
        slots.activate(device, slots.BUILT_IN)
    finally:
        device.close()


def _verify(
    source: Source,
    board: Board,
    program: Program,
    image: Image,
    target: Target,
    vectors: Vectors,
    folder: Path,
    job: Job,
    ui: Ui,
) -> Verification:
    # Where bytes take the time of a wire, all of them go over it.
    link_vectors = None if target.modelled_baud else job.link_vectors
    key = key_of(
        *(image.build_id, image.sha256, vectors.sha256(), target.name, str(link_vectors)),
        *(str(target.wait_states), str(target.usb), package_key()),
    )
    known = Keyed(folder / "verification.json", key)
    with ui.stage("verify") as stage:
        found = receipt.load_verification(known) if target.repeatable and not job.force else None
        stage.cached = found is not None
        if found is None:
            device = targets.open_device(target, board, image.elf)
            try:
                identity = verify_stage.connect(device, source.data, image.build_id)
                with ui.progress("verify") as progress:
                    found = verify_stage.verify(
                        *(device, source.model, source.data, vectors, program.steps, progress),
                        link_vectors=link_vectors,
                    )
            finally:
                device.close()
            found = replace(found, is_simulated=ids.is_simulated(identity.device_id))
            receipt.save_verification(known, found)
        stage.detail = (
            f"{found.vectors} vectors, {found.bytes_compared:,} bytes, "
            f"{found.mismatching_bytes} differ; {vectors.source}"
            f"{', on a simulated board' if target.is_port and found.is_simulated else ''}"
        )
    return found


def _versions() -> dict[str, str]:
    return receipt.versions(["tflite-micro", "numpy", "platformio", "ziglang", "unicorn"])


def _now() -> str:
    return datetime.now(timezone.utc).isoformat(timespec="seconds")
