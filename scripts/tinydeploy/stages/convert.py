"""Keras, SavedModel or .tflite in, a .tflite that a microcontroller can run out.

The converter runs in a process of its own: it is TensorFlow's C++, and some models crash it.
"""

from __future__ import annotations

import json
import re
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy import errors, tools, whole
from tinydeploy.errors import ModelFileError, TinyDeployError, TrainingError, UsageError

Array = npt.NDArray[Any]
Representative = Path | Array | Sequence[Array] | str | None  # NOISE is the only text

QUANTIZATIONS = ("int8", "int16x8", "float")
NOISE = "noise"
TIMEOUT_S = 1800.0
ABOUT_SUFFIX, LOOP = ".about", "loop"  # the worker leaves word of a loop before it may crash
_TELLING = re.compile(r"error|Check fail|terminate called|what\(\)|Assertion|LLVM|^F\d{4} ", re.I)


@dataclass(frozen=True)
class Loading:
    """How a model of somebody else's is read.

    Attributes:
        custom_objects: Python file with the layers and functions of the model's own.
        signature: of a SavedModel that has several.
    """

    custom_objects: Path | None = None
    signature: str | None = None


@dataclass(frozen=True)
class Conversion:
    """What a conversion said.

    Attributes:
        ranges: what the model was quantized with, in words; "" for float.
        warnings: what may spoil the result.
    """

    ranges: str = ""
    warnings: tuple[str, ...] = ()


def convert(
    source: Path,
    out: Path,
    representative: Representative = None,
    *,
    quantize: str = "int8",
    seed: int = 1,
    loading: Loading = Loading(),
    warn: Callable[[str], None] | None = None,
) -> Path:
    """Convert a model, with all dimensions fixed (batch 1) and everything quantized.

    Args:
        source: a .keras or .h5 file, a SavedModel folder, or a .tflite (copied as it is).
        out: the .tflite to write.
        representative: inputs that are typical, to find the ranges of activations by: an array
            [n, *input shape] (one for each input), or a .npy or .npz file of them. None takes
            seeded noise in the range that the model's first layer tells, and warns; NOISE takes
            noise in [-1, 1].
        quantize: "int8" (weights and activations), "int16x8" (activations int16) or "float".
        seed: of the noise.
        loading: how `source` is read.
        warn: told what may spoil the result; standard error by default.

    Raises:
        ModelFileError: `source` is no model.
        TrainingError: the converter failed or crashed.
        UsageError: an argument does not fit, or the range of an input is not known.
    """
    if source.suffix != ".tflite" or not source.is_file():
        convert_all(
            *(source, [(out, quantize)], representative),
            seed=seed,
            loading=loading,
            warn=warn,
        )
    elif source.resolve() != out.resolve():
        whole.write_named(out, source.read_bytes())
    return out


def convert_all(
    source: Path,
    wanted: Sequence[tuple[Path, str]],
    representative: Representative = None,
    *,
    seed: int = 1,
    loading: Loading = Loading(),
    warn: Callable[[str], None] | None = None,
) -> Conversion:
    """`convert` to several files, each (path, quantization), for the price of one start."""
    for out, quantize in wanted:
        if quantize not in QUANTIZATIONS:
            raise UsageError(
                f"no quantization {quantize!r}", f"choose one of {', '.join(QUANTIZATIONS)}"
            )
        out.parent.mkdir(parents=True, exist_ok=True)
    if not source.exists():
        raise ModelFileError(f"no model at {source}", "give a .keras, a SavedModel or a .tflite")
    with tempfile.TemporaryDirectory(prefix="tinydeploy-") as folder:
        job = {
            "source": str(source.resolve()),
            "wanted": [(str(out.resolve()), quantize) for out, quantize in wanted],
            "seed": seed,
            "representative": _stored(representative, Path(folder)),
            "custom_objects": str(own.resolve()) if (own := loading.custom_objects) else None,
            "signature": loading.signature,
        }
        done = _run(job, Path(folder))
    for warning in done.warnings:
        (warn or _print_warning)(warning)
    return done


def _stored(representative: Representative, folder: Path) -> str | None:
    """Path of a file with the representative inputs."""
    if representative is None or isinstance(representative, str):
        return representative
    if isinstance(representative, Path):
        if not representative.is_file():
            raise UsageError(
                f"no representative data at {representative}", "give a .npz or .npy file"
            )
        return str(representative.resolve())
    arrays = [representative] if isinstance(representative, np.ndarray) else list(representative)
    path = folder / "representative.npz"
    named: dict[str, Any] = {f"inputs_{index}": array for index, array in enumerate(arrays)}
    with whole.appearing(path) as beside, beside.open("wb") as file:
        np.savez(file, **named)
    return str(path)


def _run(job: dict[str, Any], folder: Path) -> Conversion:
    """Convert in another process."""
    job_file, result_file = folder / "job.json", folder / "result.json"
    whole.write(job_file, json.dumps(job))
    worker, files = "tinydeploy.stages.convert_worker", (str(job_file), str(result_file))
    done = tools.run(
        tools.python_module_argv(worker, *files),
        what="the conversion",
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        timeout_s=TIMEOUT_S,
        check=False,
    )
    if not result_file.is_file():
        has_loop = result_file.with_suffix(ABOUT_SUFFIX).is_file()
        raise _crashed(done.returncode, done.stdout, has_loop)
    return answer(result_file)


def answer(result_file: Path) -> Conversion:
    """What the worker said; raises what it raised."""
    result = json.loads(result_file.read_text(encoding="utf-8"))
    if "error" in result:
        raise getattr(errors, result["error"])(result["message"], result["hint"])
    return Conversion(result["ranges"], tuple(result["warnings"]))


def _crashed(status: int, output: str, has_loop: bool) -> TinyDeployError:
    if full := tools.full_disk(output):
        return full
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    seen = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    telling = [line for line in lines if _TELLING.search(line)] or lines[-1:]
    said = f": {'; '.join(dict.fromkeys(telling))}" if telling else ""
    hint = "convert the model yourself and give the .tflite"
    if has_loop:
        hint = f"LSTM and GRU layers need unroll=True to be quantized; else {hint}"
    return TrainingError(f"TensorFlow's converter crashed ({seen}){said}", hint)


def _print_warning(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
