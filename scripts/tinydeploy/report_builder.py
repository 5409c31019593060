"""Turns what the stages found into a `Report`, and keeps verifications for the next run."""

from __future__ import annotations

import base64
import hashlib
import shlex
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy import __version__, memory, segments
from tinydeploy.boards import Board
from tinydeploy.deployment import Deployment
from tinydeploy.keys import CachedResult
from tinydeploy.ops import work
from tinydeploy.report import model as report_model
from tinydeploy.report.model import Report
from tinydeploy.sources import Source
from tinydeploy.stages.build import Image
from tinydeploy.stages.compile import Program, TensorInfo
from tinydeploy.stages.vectors import Vectors
from tinydeploy.stages.verify import Verification
from tinydeploy.targets import Target
from tinydeploy.ui import StageTime

Array = npt.NDArray[Any]

JUDGE = "tflite-micro"
STEADY = 2 / 255  # of a range: what rounding of an int8 output explains
SIMULATED_DEVICE = "simulated device"  # on a port, but no hardware
CYCLE_SOURCES = {
    "simulator": "DWT cycle counter of the simulated Cortex-M4 (zero wait states)",
    "device": "DWT cycle counter of the board",
    SIMULATED_DEVICE: "DWT cycle counter of the simulated board (zero wait states)",
    "host": "nanoseconds on this PC",
    "renode": "instructions that Renode executed",
}
UNITS = {"host": "nanoseconds", "renode": report_model.INSTRUCTIONS}
WAITING = "DWT cycle counter of the simulated Cortex-M4, with wait states of the flash (estimated)"


def make_report(
    deployed: Deployment,
    found: Verification,
    times: Sequence[StageTime],
    package_versions: dict[str, str],
    created: str,
) -> Report:
    """Everything that one deployment found out, ready to render.

    Args:
        times: of the stages.
        created: when, as ISO 8601 has it.
    """
    source, board, target = deployed.source, deployed.board, deployed.target
    program, image, vectors = deployed.program, deployed.image, deployed.vectors
    mean = float(np.mean(found.cycles))
    return Report(
        model=_model(source, program),
        board=board.id,
        engine=program.engine,
        target=_kind(target, found),
        board_info=report_model.BoardInfo(
            board.name, board.chip, board.cpu_hz, board.flash_size, board.ram_size
        ),
        parity=_parity(source, image, program, vectors, found, package_versions),
        cycles=_cycles(program, found, target, mean),
        size=_size(image, program, found.memory),
        accuracy=_accuracy(source, vectors, found),
        memory=_memory_map(program, found.memory),
        energy=None if target.kind == "renode" else _energy(board, mean),
        stages=tuple(
            report_model.StageTiming(time.name, time.seconds, time.cached) for time in times
        ),
        versions={"tinydeploy": __version__, "python": _python(), **package_versions},
        hashes={
            "model": program.sha256,
            "firmware": _sha256(image.bin),
            "build": image.build_id,
            "vectors": vectors.sha256(),
            "outputs": found.outputs_sha256,
            **_hashes_of_training(source),
        },
        warnings=(*source.warnings, *([program.chosen] if program.chosen else [])),
        command=shlex.join(["tinydeploy", *sys.argv[1:]]),
        created=created,
    )


def _hashes_of_training(source: Source) -> dict[str, str]:
    """Of what a model of ours was trained on and is tested with."""
    named = {"training_data": "data_sha256", "test_set": "test_sha256"}
    return {name: source.metrics[key] for name, key in named.items() if key in source.metrics}


def _are_steady(found: Verification) -> bool:
    """Whether every output stayed within STEADY of its range over all vectors."""
    return all(_moved(outputs) <= STEADY for outputs in found.device_outputs)


def _moved(outputs: Array) -> float:
    """Largest change of an element over the vectors; of the type's range, or of its own size."""
    values = outputs.reshape(len(outputs), -1).astype(np.float64)
    if not values.size:
        return 0.0
    change = float((values.max(axis=0) - values.min(axis=0)).max())
    if outputs.dtype.kind in "iu":
        limits = np.iinfo(outputs.dtype)
        return change / (limits.max - limits.min)
    return change / max(float(np.abs(values).max()), 1e-30)


def _kind(target: Target, found: Verification) -> str:
    return SIMULATED_DEVICE if target.is_port and found.is_simulated else target.kind


def versions(packages: Sequence[str]) -> dict[str, str]:
    """Installed versions of `packages`; those that are not installed are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def save_verification(known: CachedResult, found: Verification) -> None:
    """Keep a verification for a run in which nothing has changed."""
    value = asdict(replace(found, device_outputs=(), host_outputs=()))
    value["device_outputs"] = [_packed(output) for output in found.device_outputs]
    value["host_outputs"] = [_packed(output) for output in found.host_outputs]
    known.save(value)


def load_verification(known: CachedResult) -> Verification | None:
    """The verification kept for this key, or None."""
    value = known.load()
    if value is None:
        return None
    for side in ("device_outputs", "host_outputs"):
        value[side] = tuple(_unpacked(packed) for packed in value[side])
    for name in ("cycles", "cycles_per_op"):
        value[name] = tuple(value[name])
    return Verification(**value)


def _model(source: Source, program: Program) -> report_model.ModelInfo:
    metrics = source.metrics
    return report_model.ModelInfo(
        name=source.name,
        folder=source.folder,
        title=source.spec.title if source.spec else "",
        source=source.origin,
        inputs=tuple(_tensor(tensor) for tensor in program.inputs),
        outputs=tuple(_tensor(tensor) for tensor in program.outputs),
        macs=program.macs,
        parameters=work.parameters(source.model),
        quantized_with=source.quantized_with,
        trained_on=metrics.get("data", ""),
        keras_bytes=metrics.get("keras_bytes"),
        float_bytes=metrics.get("float_bytes"),
        int8_bytes=program.model_bytes,
    )


def _tensor(tensor: TensorInfo) -> report_model.TensorInfo:
    return report_model.TensorInfo(
        tensor.name, tensor.shape, tensor.dtype, tensor.scale, tensor.zero_point
    )


def _parity(
    source: Source,
    image: Image,
    program: Program,
    vectors: Vectors,
    found: Verification,
    package_versions: dict[str, str],
) -> report_model.Parity:
    return report_model.Parity(
        vectors=found.vectors,
        mismatching_bytes=found.mismatching_bytes,
        bytes_compared=found.bytes_compared,
        judge=JUDGE,
        judge_version=package_versions.get(JUDGE, ""),
        references=tuple(segments.references(source.model)),
        build_id=image.build_id,
        model_sha256=program.sha256,
        firmware_sha256=_sha256(image.bin),
        vectors_sha256=vectors.sha256(),
        outputs_sha256=found.outputs_sha256,
        first_mismatch=found.first_mismatch,
        distinct_outputs=found.distinct_outputs,
        link_vectors=found.link_vectors,
        commonest_output=found.commonest_output,
        steady_outputs=_are_steady(found),
    )


def _cycles(
    program: Program, found: Verification, target: Target, mean: float
) -> report_model.Cycles:
    per_op = tuple(
        report_model.OpProfile(
            index=index,
            op=step.op,
            output_shape=step.output_shape,
            cycles=cycles,
            macs=step.macs or None,
            name=step.name,
            fallback=step.fallback,
        )
        for index, (step, cycles) in enumerate(zip(program.steps, found.cycles_per_op, strict=True))
    )
    return report_model.Cycles(
        mean=mean,
        minimum=float(min(found.cycles)),
        maximum=float(max(found.cycles)),
        per_op=per_op,
        overhead=mean - sum(found.cycles_per_op),
        source=WAITING if target.wait_states else CYCLE_SOURCES[_kind(target, found)],
        unit=UNITS.get(_kind(target, found), "cycles"),
    )


def _size(image: Image, program: Program, used: dict[str, int]) -> report_model.Size:
    return report_model.Size(
        flash_bytes=image.flash_bytes,
        model_bytes=program.constants_bytes,
        ram_bytes=image.ram_bytes,
        arena_bytes=used["arena_used_bytes"],
        stack_bytes=used["stack_used_bytes"],
        arena_reserved_bytes=used["arena_bytes"],
        stack_reserved_bytes=used["stack_bytes"],
        flash_sections=tuple(
            report_model.Section(name, size) for name, size in image.flash_breakdown
        ),
    )


def _accuracy(source: Source, vectors: Vectors, found: Verification) -> report_model.Accuracy:
    if vectors.labels is None:
        return report_model.Accuracy(data=vectors.source)
    if vectors.labels.dtype.kind == "f":
        return _regression(source, vectors, found)
    ours, theirs = (
        _classes(outputs[0], source) for outputs in (found.device_outputs, found.host_outputs)
    )
    count = max(found.device_outputs[0][0].size, 2)
    confusion = np.zeros((count, count), np.int64)
    np.add.at(confusion, (vectors.labels, ours), 1)
    return report_model.Accuracy(
        device=float(np.mean(ours == vectors.labels)),
        host=float(np.mean(theirs == vectors.labels)),
        float_model=_of_float_model(source, vectors, "float_accuracy"),
        samples=vectors.count,
        labels=source.labels or tuple(str(number) for number in range(count)),
        confusion=tuple(tuple(int(value) for value in row) for row in confusion),
        data=vectors.source,
    )


def _of_float_model(source: Source, vectors: Vectors, figure: str) -> float | None:
    """What training measured, unless the vectors are other data."""
    return source.metrics.get(figure) if vectors.of_training else None


def _regression(source: Source, vectors: Vectors, found: Verification) -> report_model.Accuracy:
    assert vectors.labels is not None
    target = vectors.labels.reshape(len(vectors.labels), -1)
    quantization = source.model.main.outputs[0].quantization
    ours, theirs = (
        _real(outputs[0], quantization) for outputs in (found.device_outputs, found.host_outputs)
    )
    return report_model.Accuracy(
        metric="mean absolute error",
        device=float(np.mean(np.abs(ours - target))),
        host=float(np.mean(np.abs(theirs - target))),
        float_model=_of_float_model(source, vectors, "float_mean_absolute_error"),
        samples=vectors.count,
        curve=_curve(source, vectors, target, ours),
        data=vectors.source,
    )


def _curve(
    source: Source, vectors: Vectors, target: Array, ours: Array
) -> report_model.Curve | None:
    """Of a function of one number; None for others."""
    x = _real(vectors.inputs[0], source.model.main.inputs[0].quantization)
    if len(vectors.inputs) > 1 or x.shape[1] != 1 or ours.shape[1] != 1:
        return None
    order = np.argsort(x[:, 0])
    return report_model.Curve(
        x=_floats(x[order, 0]),
        expected=_floats(target[order, 0]),
        device=_floats(ours[order, 0]),
    )


def _memory_map(program: Program, used: dict[str, int]) -> report_model.MemoryMap:
    planned = used["arena_planned_bytes"] or program.memory.size
    inputs = {tensor.name for tensor in program.inputs}
    return report_model.MemoryMap(
        buffers=tuple(
            report_model.Buffer(
                *(buffer.name, buffer.offset, buffer.size, buffer.first_op, buffer.last_op),
                kind=_kind_of_buffer(buffer, inputs),
            )
            for buffer in program.memory.buffers
        ),
        planned_bytes=planned,
        persistent_bytes=max(used["arena_used_bytes"] - planned, 0),
        op_names=tuple(step.op for step in program.steps),
    )


def _kind_of_buffer(buffer: memory.ArenaBuffer, inputs: set[str]) -> str:
    """As the legend of the memory map has it."""
    if buffer.name == memory.SCRATCH or buffer.name.startswith(f"{memory.SCRATCH} "):
        return memory.SCRATCH
    return "input" if buffer.name in inputs and buffer.first_op == 0 else "activation"


def _energy(board: Board, cycles: float) -> report_model.Energy | None:
    if not board.picojoule_per_cycle:
        return None
    return report_model.Energy(
        board.picojoule_per_cycle, cycles * board.picojoule_per_cycle / 1e6, board.energy_source
    )


def _classes(outputs: Array, source: Source) -> Array:
    """The largest output; of a single one, whether it is a probability of more than a half."""
    flat = outputs.reshape(len(outputs), -1)
    if flat.shape[1] == 1:
        real = _real(flat, source.model.main.outputs[0].quantization)
        return np.asarray(real[:, 0] > 0.5, np.int64)
    return np.asarray(flat.argmax(axis=1))


def _real(values: Array, quantization: Any) -> Array:
    flat = values.reshape(len(values), -1).astype(np.float64)
    if quantization is None:
        return flat
    return np.asarray((flat - quantization.zero_point) * quantization.scale)


def _floats(values: Array) -> tuple[float, ...]:
    return tuple(float(value) for value in values)


def _packed(values: Array) -> dict[str, Any]:
    data = base64.b64encode(np.ascontiguousarray(values).tobytes()).decode()
    return {"dtype": values.dtype.str, "shape": values.shape, "data": data}


def _unpacked(packed: dict[str, Any]) -> Array:
    flat = np.frombuffer(base64.b64decode(packed["data"]), np.dtype(packed["dtype"]))
    return np.asarray(flat.reshape(packed["shape"]))


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _python() -> str:
    return ".".join(map(str, sys.version_info[:3]))
