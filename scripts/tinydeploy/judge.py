"""The judge: TensorFlow Lite Micro's own C++ on this PC, from the `tflite-micro` package."""

from __future__ import annotations

import faulthandler
import math
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.errors import UnsupportedModelError

Array = npt.NDArray[Any]

ARENA_BYTES = 64 << 20  # never the limit on a PC


class Judge:
    """TFLM's interpreter on one model.

    Args:
        model: the .tflite bytes.
        preserve_tensors: keep every tensor's data apart, so that `tensor` can show it after a run.
        capture: put what TFLM says into the error; else it goes to standard error as it comes.

    Raises:
        UnsupportedModelError: TFLM refuses the model.
    """

    def __init__(
        self, model: bytes, *, preserve_tensors: bool = False, capture: bool = True
    ) -> None:
        self._interpreter = _interpreter(model, ARENA_BYTES, preserve_tensors, capture)
        self._output_count = _output_count(model)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run one inference; inputs and outputs have shapes and types of the model's tensors.

        Raises:
            UnsupportedModelError: TFLM has prepared an operator that it does not run.
        """
        for index, value in enumerate(inputs):
            self._interpreter.set_input(value, index)
        try:
            self._interpreter.invoke()
        except RuntimeError as error:
            raise UnsupportedModelError(
                "TFLM takes the model, but fails to run it: what it says is above",
                "often an operator without the type; `tinydeploy inspect` shows types and findings",
            ) from error
        return [np.array(self._interpreter.get_output(i)) for i in range(self._output_count)]

    def reset(self) -> None:
        """Forget state variables."""
        self._interpreter.reset()

    def print_allocations(self) -> None:
        """TFLM writes to standard error what it took of the arena."""
        self._interpreter.print_allocations()

    def tensor(self, index: int) -> Array:
        """Data of tensor `index` of the main subgraph after the last run (`preserve_tensors`)."""
        return np.array(self._interpreter.GetTensor(index, 0)["tensor_data"])


def smallest_arena_bytes(model: bytes) -> int:
    """Smallest arena, in steps of 16 bytes, that TFLM accepts for `model` on this 64-bit PC.

    TFLM's bookkeeping holds pointers, so that a 32-bit device needs no more than this.
    """
    load_runtime()  # once here, not in every process of a trial
    refused, accepted = 0, 1024
    while not _accepts(model, accepted):
        refused, accepted = accepted, accepted * 2
    while accepted - refused > 16:
        middle = math.ceil((accepted + refused) / 32) * 16
        refused, accepted = (refused, middle) if _accepts(model, middle) else (middle, accepted)
    return accepted


def _accepts(model: bytes, arena_bytes: int) -> bool:
    """Try it in a process of its own: TFLM does not survive every arena that is too small."""
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
        faulthandler.disable()  # its crash is expected; pytest's handler has a file of its own
        try:
            _interpreter(model, arena_bytes, False, False)
        except UnsupportedModelError:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    return status == 0


def _output_count(model: bytes) -> int:
    from tflite_micro.tensorflow.lite.micro.python import schema_py_generated as schema

    return int(schema.Model.GetRootAs(model, 0).Subgraphs(0).OutputsLength())


def load_runtime() -> Any:
    """The package's module; its import takes a third of a second."""
    from tflite_micro.python.tflite_micro import runtime

    return runtime


def _interpreter(model: bytes, arena_bytes: int, preserve_tensors: bool, capture: bool) -> Any:
    runtime = load_runtime()
    config = runtime.InterpreterConfig.kPreserveAllTensors if preserve_tensors else None
    options = {"intrepreter_config": config} if config else {}  # TFLM's own spelling
    said: list[str] = []
    try:
        with _captured_stderr(said) if capture else nullcontext():
            return runtime.Interpreter.from_bytes(model, arena_size=arena_bytes, **options)
    except (RuntimeError, ValueError) as error:
        reason = said[0] if said else str(error)
        raise UnsupportedModelError(
            f"TFLM refuses the model: {reason}", "look at the model with `tinydeploy inspect`"
        ) from error


@contextmanager
def _captured_stderr(lines: list[str]) -> Iterator[None]:
    """Collect what TFLM's C++ writes to file descriptor 2, below `sys.stderr`."""
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            captured.seek(0)
            lines += captured.read().decode("utf-8", "replace").splitlines()
