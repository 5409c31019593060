"""Parity: the same vectors through the device and through TFLM, compared byte for byte."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy import whole
from tinydeploy.abi import protocol
from tinydeploy.errors import DeviceFaultError, LinkError
from tinydeploy.foreign import safe_file_part
from tinydeploy.graph.ir import Model, Tensor, Type
from tinydeploy.guarded import GuardedJudge
from tinydeploy.link.client import Device
from tinydeploy.link.exchange import Exchange, Exchanges, LinkExchange
from tinydeploy.link.identity import Identity
from tinydeploy.stages.compile import ProgramStep
from tinydeploy.stages.vectors import Vectors

Array = npt.NDArray[Any]
Progress = Callable[[int, int], None]

# Integers must be equal. Floats may differ as far as another order of rounding explains: the
# Cortex-M4 has no double precision and may fuse a multiply with an add.
FLOAT_RTOL = 1e-5
FLOAT_ATOL = 1e-6

INPUT, OUTPUT, ANY = (
    protocol.TensorKind.INPUT,
    protocol.TensorKind.OUTPUT,
    protocol.TensorKind.ANY,
)


@dataclass(frozen=True)
class OpComparison:
    """One output of one operator on both sides, for the same input vector."""

    op_index: int
    op: str
    tensor: str
    bytes: int
    mismatching_bytes: int
    largest_difference: float


@dataclass(frozen=True)
class Verification:
    """What a parity run found.

    Attributes:
        bytes_compared: output bytes of all vectors.
        first_mismatch: vector, output, byte and first differing operator in words; "" if equal.
        device_outputs: for each model output an array [vectors, *shape].
        host_outputs: the same from TFLM.
        cycles: of each inference.
        cycles_per_op: mean over the vectors; empty when the firmware does not profile.
        memory: fields of `protocol.MemoryReply` after the run.
        is_simulated: whether the device says that it is a simulated chip.
        link_vectors: how many vectors went over the link, the first ones; the others went through
            the simulator's memory.
    """

    vectors: int
    bytes_compared: int
    mismatching_bytes: int
    first_mismatch: str
    device_outputs: tuple[Array, ...]
    host_outputs: tuple[Array, ...]
    cycles: tuple[int, ...]
    cycles_per_op: tuple[float, ...]
    memory: dict[str, int]
    is_simulated: bool = False
    link_vectors: int | None = None

    @property
    def distinct_outputs(self) -> int:
        """How many different answers the device gave."""
        return len(self._answers)

    @property
    def commonest_output(self) -> int:
        """How many vectors gave the answer that most of them gave."""
        return max(self._answers.values(), default=0)

    @property
    def _answers(self) -> Counter[bytes]:
        answers = zip(*self.device_outputs, strict=True)
        return Counter(b"".join(part.tobytes() for part in answer) for answer in answers)

    @property
    def outputs_sha256(self) -> str:
        """Hash over everything the device answered."""
        digest = hashlib.sha256()
        for output in self.device_outputs:
            digest.update(np.ascontiguousarray(output).tobytes())
        return digest.hexdigest()


def connect(device: Device, tflite: bytes, build_id: str = "") -> Identity:
    """Greet the device and make sure that it runs this model, and this build if one is given.

    Raises:
        LinkError: it runs another model or another build.
        DeviceFaultError: it refused the model; the message has its reason.
    """
    identity = device.hello()
    if not identity.has_model:
        raise DeviceFaultError(
            f"the firmware refused the model: {device.diagnose()}",
            "look at the model with `tinydeploy inspect`",
        )
    for what, expected, seen in (
        ("model", hashlib.sha256(tflite).hexdigest(), identity.model_hash),
        ("build", build_id, identity.build_id),
    ):
        if not expected.startswith(seen) and expected:
            raise LinkError(
                f"the board runs {what} {seen[:12]}, not {expected[:12]}",
                "flash it: `tinydeploy deploy` does, `verify` alone does not",
            )
    return identity


def verify(
    device: Device,
    model: Model,
    tflite: bytes,
    vectors: Vectors,
    steps: Sequence[ProgramStep],
    progress: Progress | None = None,
    *,
    link_vectors: int | None = None,
) -> Verification:
    """Stream `vectors` through the device and TFLM and compare every output.

    The device must have been greeted by `connect`; `steps` are what it runs. Raises what `Device`
    raises.

    Args:
        link_vectors: how many of them go over the link where the device's memory can be reached
            without it; None for all.
    """
    device.reset_state()
    comparison = _Comparison(model.main.outputs)
    exchanges = Exchanges(device, link_vectors)
    cycles: list[int] = []
    profile = np.zeros(len(steps))
    with GuardedJudge(tflite) as judge:
        for index in range(vectors.count):
            inputs = vectors.at(index)
            exchange = exchanges.next()
            _load(exchange, inputs)
            cycles.append(device.invoke().cycles)
            comparison.add(_read_outputs(exchange, model.main.outputs), judge.run(inputs))
            profile += device.profile(len(profile))
            if progress is not None:
                progress(index + 1, vectors.count)
    memory = device.memory()
    return Verification(
        vectors=vectors.count,
        bytes_compared=comparison.bytes_compared,
        mismatching_bytes=comparison.mismatching_bytes,
        first_mismatch=_describe_first(comparison, device, tflite, vectors, steps),
        device_outputs=comparison.stacked(comparison.device),
        host_outputs=comparison.stacked(comparison.host),
        cycles=tuple(cycles),
        cycles_per_op=tuple(float(value) for value in profile / vectors.count),
        memory=memory,
        link_vectors=exchanges.over_link,
    )


def explain(
    device: Device,
    tflite: bytes,
    vectors: Vectors,
    vector: int,
    steps: Sequence[ProgramStep],
    dump_dir: Path | None = None,
) -> list[OpComparison]:
    """Run one vector step by step on both sides and compare every tensor that both have.

    The vectors before it run first: the model may keep something of them.

    Args:
        vector: index in `vectors`.
        dump_dir: folder that receives `op<index>_<tensor>_{device,host}.npy`.
    """
    device.reset_state()
    with GuardedJudge(tflite, preserve_tensors=True) as judge:
        for index in range(vector + 1):
            judge.run(vectors.at(index))
            _load(LinkExchange(device), vectors.at(index))
            if index < vector:
                device.invoke()
        return list(_explained(device, judge, steps, dump_dir))


def _explained(
    device: Device, judge: GuardedJudge, steps: Sequence[ProgramStep], dump_dir: Path | None
) -> Iterator[OpComparison]:
    """One after the other, while both sides have the inputs of the vector."""
    for step_index, step in enumerate(steps):
        device.invoke(step_index, 1)
        for tensor, index in step.tensors.items():
            if tensor.type is Type.RESOURCE:  # a handle means something on its own side only
                continue
            ours = _as_array(device.read(ANY, index, tensor.nbytes), tensor)
            theirs = judge.tensor(index).reshape(ours.shape)
            if dump_dir is not None:
                _dump(dump_dir, step_index, tensor, ours, theirs)
            yield _compare_op(step_index, step.op, tensor, ours, theirs)


def _load(exchange: Exchange, inputs: Sequence[Array]) -> None:
    for position, value in enumerate(inputs):
        exchange.load(position, value.tobytes())


def mismatching_bytes(ours: Array, theirs: Array) -> int:
    """Bytes that differ; for floats, bytes of the elements outside the tolerance."""
    if ours.dtype.kind == "f":
        close = np.isclose(ours, theirs, FLOAT_RTOL, FLOAT_ATOL, equal_nan=True)
        return int((~close).sum()) * ours.itemsize
    return int((_bytes_of(ours) != _bytes_of(theirs)).sum())


class _Comparison:
    """Collects outputs of both sides and where they first differ."""

    def __init__(self, outputs: Sequence[Tensor]) -> None:
        self.device: list[list[Array]] = [[] for _ in outputs]
        self.host: list[list[Array]] = [[] for _ in outputs]
        self.bytes_compared = 0
        self.mismatching_bytes = 0
        self.first: tuple[int, int] | None = None  # vector, output

    def add(self, ours: Sequence[Array], theirs: Sequence[Array]) -> None:
        for position, (our, their) in enumerate(zip(ours, theirs, strict=True)):
            their = their.reshape(our.shape)
            wrong = mismatching_bytes(our, their)
            if wrong and self.first is None:
                self.first = (len(self.device[position]), position)
            self.mismatching_bytes += wrong
            self.bytes_compared += our.nbytes
            self.device[position].append(our)
            self.host[position].append(their)

    @staticmethod
    def stacked(outputs: list[list[Array]]) -> tuple[Array, ...]:
        return tuple(np.stack(values) for values in outputs)


def _read_outputs(exchange: Exchange, outputs: Sequence[Tensor]) -> list[Array]:
    return [
        _as_array(exchange.read(position, tensor.nbytes), tensor)
        for position, tensor in enumerate(outputs)
    ]


def _as_array(data: bytes, tensor: Tensor) -> Array:
    return np.frombuffer(data, tensor.type.dtype).reshape(tensor.shape)


def _compare_op(op_index: int, op: str, tensor: Tensor, ours: Array, theirs: Array) -> OpComparison:
    difference = np.abs(ours.astype(np.float64) - theirs.astype(np.float64))
    return OpComparison(
        op_index=op_index,
        op=op,
        tensor=tensor.label,
        bytes=ours.nbytes,
        mismatching_bytes=mismatching_bytes(ours, theirs),
        largest_difference=float(difference.max(initial=0.0)),
    )


def _dump(folder: Path, op_index: int, tensor: Tensor, ours: Array, theirs: Array) -> None:
    safe = safe_file_part(tensor.name)
    for side, value in (("device", ours), ("host", theirs)):
        path = folder / f"op{op_index:03}_{safe}_{side}.npy"
        with whole.appearing(path) as beside, beside.open("wb") as file:
            np.save(file, value)


def _describe_first(
    comparison: _Comparison,
    device: Device,
    tflite: bytes,
    vectors: Vectors,
    program: Sequence[ProgramStep],
) -> str:
    if comparison.first is None:
        return ""
    vector, output = comparison.first
    ours, theirs = comparison.device[output][vector], comparison.host[output][vector]
    at = int(np.flatnonzero(_bytes_of(ours) != _bytes_of(theirs))[0])
    where = f"vector {vector}, output {output}, byte {at}"
    try:
        steps = explain(device, tflite, vectors, vector, program)
    except DeviceFaultError:
        return where  # firmware without per-operator access, as with upstream TFLM
    for step in steps:
        if step.mismatching_bytes:
            return f"{where}: operator {step.op_index} ({step.op}) differs first"
    return f"{where}: no operator differs when they run one by one"


def _bytes_of(values: Array) -> npt.NDArray[np.uint8]:
    return np.frombuffer(np.ascontiguousarray(values).tobytes(), np.uint8)
