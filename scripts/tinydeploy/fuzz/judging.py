"""TFLM in a process of its own, because it does not survive every model."""

from __future__ import annotations

import multiprocessing
import os
from multiprocessing.connection import Connection
from typing import Any

from tinydeploy.errors import TinyDeployError, UnsupportedModelError
from tinydeploy.fuzz.cases import Case
from tinydeploy.graph.ir import Array
from tinydeploy.judge import Judge

TIMEOUT_S = 30.0


class JudgeCrashError(TinyDeployError):
    """TFLM itself came to an end on this model."""


class JudgeProcess:
    """Answers what TFLM computes; started on first use and again after a crash."""

    def __init__(self) -> None:
        self._process: Any = None
        self._pipe: Connection | None = None

    def run(self, case: Case) -> list[list[Array]] | None:
        """Outputs of each run, None if TFLM refuses the model.

        Raises:
            JudgeCrashError: TFLM crashed or never came back.
        """
        pipe = self._start()
        pipe.send((case.data, case.inputs))
        try:
            if not pipe.poll(TIMEOUT_S):
                raise EOFError
            answer: list[list[Array]] | None = pipe.recv()
        except (EOFError, ConnectionResetError) as error:
            self.close()
            raise JudgeCrashError("TFLM crashed on this model") from error
        return answer

    def close(self) -> None:
        """End the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.join()
            self._process = self._pipe = None

    def _start(self) -> Connection:
        if self._pipe is None:
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_serve, args=(theirs,), daemon=True)
            self._process.start()
            theirs.close()
        return self._pipe


def _serve(pipe: Any) -> None:
    """Answer until the other end is closed; what TFLM says of refused models goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    while True:
        try:
            data, inputs = pipe.recv()
        except (EOFError, KeyboardInterrupt):
            return
        pipe.send(_judged(data, inputs))


def _judged(data: bytes, inputs: list[list[Array]]) -> list[list[Array]] | None:
    try:
        judge = Judge(data)
        return [judge.run(arrays) for arrays in inputs]
    except (UnsupportedModelError, RuntimeError, ValueError):
        return None
