"""The judge is asked before anything is built: does TFLM take the model, and run it once?"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib import metadata

import numpy as np

from tinydeploy import segments
from tinydeploy.config import cache_dir
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.graph.build import alone
from tinydeploy.graph.ir import Model, Op
from tinydeploy.graph.write_tflite import dump
from tinydeploy.guarded import HINT, GuardedJudge, RefusedError
from tinydeploy.keys import CachedResult, key_of, package_key
from tinydeploy.ops import support
from tinydeploy.stages import vectors
from tinydeploy.stages.input_spec import input_specs

_FORMAT = "2"  # of what is kept, and of how it is asked
_SEED = 1
_TIME_LIMIT_S = 300.0  # TFLM on a PC does some 100 million multiply-accumulates a second


@dataclass(frozen=True)
class Verdict:
    """What TFLM says of a model.

    Attributes:
        reason: why it does not run, in TFLM's own words where it has any; "" if it runs.
        operator, op_index: what the reason is about; "" and None where TFLM does not tell.
    """

    reason: str = ""
    operator: str = ""
    op_index: int | None = None

    @property
    def runs(self) -> bool:
        """Whether TFLM runs it."""
        return not self.reason


def ask(data: bytes, model: Model) -> Verdict:
    """TFLM's verdict on one inference, of seeded noise; kept on this machine by the file's hash.

    Args:
        data: the .tflite.
        model: the same as a graph.
    """
    digest = sha256(data).hexdigest()
    references = package_key() if segments.references(model) else ""
    key = key_of(digest, metadata.version("tflite-micro"), _FORMAT, references)
    kept = CachedResult(cache_dir() / "judge" / f"{digest[:32]}.json", key)
    if (found := kept.load()) is not None:
        return Verdict(**found)
    verdict = _ask(data, model)
    with suppress(OSError):  # without a home, it is asked again
        kept.save(asdict(verdict))
    return verdict


def require_accepted(data: bytes, model: Model) -> None:
    """Raise UnsupportedModelError if TFLM does not run `model`.

    The error names operators that the runtime does not have, and what to do about them, where
    those are the cause.
    """
    verdict = ask(data, model)
    if not verdict.runs:
        support.require_supported(model)
        raise UnsupportedModelError(verdict.reason, hint(verdict))


def hint(verdict: Verdict) -> str:
    """What to do about a refusal."""
    return _HINTS.get(verdict.operator, HINT)


_OPEN_BATCH = (
    "give Input a batch_size (export with fixed shapes), so that no operator makes a shape at run "
    "time"
)
_HINTS = {
    "CONCATENATION": "concatenate fewer tensors at once, in int8, int16 or float32",
    "FILL": _OPEN_BATCH,
    "RESHAPE": _OPEN_BATCH,
    "SOFTMAX": "give it a range: the layer before has weights of 0, or the representative data "
    "never reached it",
    "STRIDED_SLICE": "take tensors of at most 4 dimensions: fold two of them into one, and write "
    "TimeDistributed layers out or as a convolution",
}


def _ask(data: bytes, model: Model) -> Verdict:
    try:
        _run_once(data, model)
    except RefusedError as error:
        if error.crashed:
            return _of_crash(error, model)
        return Verdict(error.message, error.operator, error.op_index)
    return Verdict()


def _run_once(data: bytes, model: Model) -> None:
    """Raises RefusedError. Ones get a second chance: noise may divide by 0."""
    specs = input_specs(model)
    try:
        with GuardedJudge(data, time_limit_s=_TIME_LIMIT_S) as judge:
            judge.run(vectors.random(specs, 1, _SEED).at(0))
    except RefusedError as error:
        if not error.prepared:
            raise
        with GuardedJudge(data, time_limit_s=_TIME_LIMIT_S) as judge:
            judge.run([np.full(s.shape, 0 if s.rows else 1, s.dtype) for s in specs])


def _of_crash(error: RefusedError, model: Model) -> Verdict:
    """TFLM that aborts names nothing: the first operator that makes it crash alone is named."""
    for index, op in enumerate(model.main.ops):
        if _crashes_alone(op):
            where = f"; operator {index}, {op.name}, alone is enough"
            return Verdict(error.message + where, op.name, index)
    return Verdict(error.message)


def _crashes_alone(op: Op) -> bool:
    model = alone(op)
    try:
        _run_once(dump(model), model)
    except RefusedError as error:
        return error.crashed
    return False
