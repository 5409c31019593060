"""Keras, SavedModel or .tflite in, a .tflite that a microcontroller can run out.

The converter runs in a process of its own: it is TensorFlow's C++, and some models crash it.
"""

from __future__ import annotations

import json
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy import errors, tools
from tinydeploy.errors import ModelFileError, TrainingError, UsageError

Array = npt.NDArray[Any]
Representative = Path | Array | Sequence[Array] | None

QUANTIZATIONS = ("int8", "int16x8", "float")
TIMEOUT_S = 1800.0


def convert(
    source: Path,
    out: Path,
    representative: Representative = None,
    *,
    quantize: str = "int8",
    seed: int = 1,
    warn: Callable[[str], None] | None = None,
) -> Path:
    """Convert a model, with all dimensions fixed (batch 1) and everything quantized.

    Args:
        source: a .keras or .h5 file, a SavedModel folder, or a .tflite (copied as it is).
        out: the .tflite to write.
        representative: inputs that are typical, to find the ranges of activations by: an array
            [n, *input shape] (one for each input), or a .npy or .npz file of them. None takes
            seeded noise and warns.
        quantize: "int8" (weights and activations), "int16x8" (activations int16) or "float".
        seed: of the noise.
        warn: told what may spoil the result; standard error by default.

    Raises:
        ModelFileError: `source` is no model.
        TrainingError: the converter failed or crashed.
        UsageError: an argument does not fit.
    """
    if source.suffix != ".tflite" or not source.is_file():
        convert_all(source, [(out, quantize)], representative, seed=seed, warn=warn)
    elif source.resolve() != out.resolve():
        out.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, out)
    return out


def convert_all(
    source: Path,
    wanted: Sequence[tuple[Path, str]],
    representative: Representative = None,
    *,
    seed: int = 1,
    warn: Callable[[str], None] | None = None,
) -> None:
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
        }
        for warning in _run(job, Path(folder)):
            (warn or _print_warning)(warning)


def _stored(representative: Representative, folder: Path) -> str | None:
    """Path of a file with the representative inputs."""
    if representative is None:
        return None
    if isinstance(representative, Path):
        if not representative.is_file():
            raise UsageError(f"no representative data at {representative}")
        return str(representative.resolve())
    arrays = [representative] if isinstance(representative, np.ndarray) else list(representative)
    path = folder / "representative.npz"
    named: dict[str, Any] = {f"inputs_{index}": array for index, array in enumerate(arrays)}
    np.savez(path, **named)
    return str(path)


def _run(job: dict[str, Any], folder: Path) -> list[str]:
    """Convert in another process; returns its warnings."""
    job_file, result_file = folder / "job.json", folder / "result.json"
    job_file.write_text(json.dumps(job), encoding="utf-8")
    worker, files = "tinydeploy.stages.convert_worker", (str(job_file), str(result_file))
    done = tools.run(
        tools.python_module_argv(worker, *files),
        what="the conversion",
        env={"PYTHONPATH": str(Path(__file__).parents[2])},
        timeout_s=TIMEOUT_S,
        check=False,
    )
    if not result_file.is_file():
        raise _crashed(done.returncode, done.stdout)
    return answer(result_file)


def answer(result_file: Path) -> list[str]:
    """Warnings of the worker; raises what it raised."""
    result = json.loads(result_file.read_text(encoding="utf-8"))
    if "error" in result:
        raise getattr(errors, result["error"])(result["message"], result["hint"])
    warnings: list[str] = result["warnings"]
    return warnings


def _crashed(status: int, output: str) -> TrainingError:
    lines = output.strip().splitlines()
    seen = signal.Signals(-status).name if status < 0 else f"exit status {status}"
    last = "" if status < 0 or not lines else f": {lines[-1]}"
    return TrainingError(
        f"TensorFlow's converter crashed ({seen}){last}",
        "LSTM and GRU layers need unroll=True to be quantized; else convert the model yourself and "
        "give the .tflite",
    )


def _print_warning(text: str) -> None:
    print(f"warning: {text}", file=sys.stderr)
