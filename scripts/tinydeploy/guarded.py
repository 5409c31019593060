"""The judge in a process of its own: TFLM aborts on some models, and its crash is an answer too."""

from __future__ import annotations

import faulthandler
import multiprocessing
import os
import re
import signal
import tempfile
from collections.abc import Sequence
from multiprocessing.connection import Connection
from types import TracebackType
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from tinydeploy import bounds, confine, judge, supervise
from tinydeploy.errors import UnsupportedModelError
from tinydeploy.segments import PART, AnyJudge, judge_of

Array = npt.NDArray[Any]

HINT = "`tinydeploy inspect` shows the model's operators, types and shapes"
_NODE = re.compile(r"Node (\S+) \(number (\d+)f?\) failed to (prepare|invoke)")
_PART = re.compile(PART.strip().format(r"(\d+)"))  # from which TFLM's numbers count
_SOURCE = re.compile(r"(?:\S+/)?(\w+\.(?:cc|h))(:\d+)?:? ")  # of TFLM, in front of what it says
_JOIN_S = 5.0
_LOAD = "load"  # another model, instead of a method of the judge's


class RefusedError(UnsupportedModelError):
    """The judge says no: TFLM does not take the model, does not run it, or dies of it.

    Attributes:
        operator, op_index: which one it names; "" and None if it names none.
        crashed: it took its process with it.
        timed_out: it did not come back.
        prepared: it had taken the model before, so that it may run with other inputs.
    """

    def __init__(
        self,
        message: str,
        operator: str = "",
        op_index: int | None = None,
        *,
        crashed: bool = False,
        timed_out: bool = False,
        prepared: bool = False,
    ) -> None:
        super().__init__(message, HINT)
        self.operator = operator
        self.op_index = op_index
        self.crashed = crashed
        self.timed_out = timed_out
        self.prepared = prepared


class JudgeChild:
    """A process that judges one model after another, each in place of the last.

    Forked on first use and again after a crash; it also ends with this process.
    """

    def __init__(self) -> None:
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - `close` does
        self._pipe: Connection | None = None
        self._process: Any = None

    def ask(self, method: str, *arguments: Any, time_limit_s: float | None) -> tuple[bool, Any]:
        """Whether it went well, and what came of it or the error's text.

        Raises:
            TimeoutError: it has not answered in `time_limit_s`; it is ended.
            EOFError: it crashed.
        """
        try:
            pipe = self._started()
            pipe.send((method, arguments, time_limit_s))
            if not pipe.poll(time_limit_s):
                self._end()
                raise TimeoutError
            answer: tuple[bool, Any] = pipe.recv()
        except TimeoutError:
            raise
        except OSError as error:
            raise EOFError from error
        return answer

    def said(self) -> list[str]:
        """What TFLM has written to standard error about the present model."""
        size = os.fstat(self._words.fileno()).st_size
        text = os.pread(self._words.fileno(), size, 0).decode("utf-8", "replace")
        return [line.strip() for line in text.splitlines() if line.strip()]

    def end(self) -> str:
        """End it, whatever it is doing; how it came to its end if it already had."""
        self._process.join(_JOIN_S)
        code = self._process.exitcode or 0
        self._end()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"

    def close(self) -> None:
        """End the process; there is no other."""
        self._end()
        self._words.close()

    def _started(self) -> Connection:
        if self._pipe is None:
            judge.load_runtime()  # once here, not in every child
            self._pipe, theirs = multiprocessing.Pipe()
            self._process = multiprocessing.get_context("fork").Process(
                target=_serve, args=(theirs, self._words.fileno()), daemon=True
            )
            self._process.start()
            theirs.close()
        return self._pipe

    def _end(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
            self._process.kill()
            self._process.join(_JOIN_S)
            self._pipe = None


class GuardedJudge:
    """As `judge.Judge`, in a child process: whatever TFLM does, an error of ours says it.

    A context manager.

    Args:
        model: the .tflite bytes.
        preserve_tensors: keep every tensor's data apart, so that `tensor` can show it after a run.
        time_limit_s: for each call; None: as long as it takes.
        child: that judges other models before and after; None: one of its own.

    Raises:
        RefusedError: TFLM refuses the model, or crashes, with its own words; so do the methods.
    """

    def __init__(
        self,
        model: bytes,
        *,
        preserve_tensors: bool = False,
        time_limit_s: float | None = None,
        child: JudgeChild | None = None,
    ) -> None:
        self._child, self._is_own = child or JudgeChild(), child is None
        self._time_limit_s = time_limit_s
        self._runs = -1  # while it prepares
        self._ask(_LOAD, model, preserve_tensors)
        self._runs = 0

    def __enter__(self) -> GuardedJudge:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """Run one inference; inputs and outputs have shapes and types of the model's tensors."""
        self._runs += 1
        outputs: list[Array] = self._ask("run", list(inputs))
        return outputs

    def reset(self) -> None:
        """Forget state variables."""
        self._ask("reset")

    def tensor(self, index: int) -> Array:
        """Data of tensor `index` of the main subgraph after the last run (`preserve_tensors`)."""
        return np.asarray(self._ask("tensor", index))

    def close(self) -> None:
        """End the child if it is for this model alone."""
        if self._is_own:
            self._child.close()

    def _ask(self, method: str, *arguments: Any) -> Any:
        """What the child answers, its error, or what its death says."""
        try:
            is_fine, value = self._child.ask(method, *arguments, time_limit_s=self._time_limit_s)
        except TimeoutError as error:
            self.close()
            raise RefusedError(
                f"TFLM has not finished one inference in {self._time_limit_s:g} s", timed_out=True
            ) from error
        except EOFError as error:
            raise self._crash() from error
        if is_fine:
            return value
        said = self._child.said()
        self.close()
        raise _refused(said, value, self._runs)

    def _crash(self) -> RefusedError:
        how = self._child.end()
        said = "; ".join(map(_short, self._child.said()))
        self.close()
        reason = f": {said}" if said else ", without a word"
        doing = f"running the model{_nth(self._runs)}" if self._runs > 0 else "preparing the model"
        message = f"TFLM itself crashes ({how}) while {doing}{reason}"
        return RefusedError(message, crashed=True, prepared=self._runs > 0)


def _nth(runs: int) -> str:
    """Which inference, if not the first."""
    return f", inference {runs}" if runs > 1 else ""


def _refused(said: Sequence[str], error: str, runs: int) -> RefusedError:
    """With the operator that TFLM names, if it does, and the reason that it gives before that."""
    node = next(filter(None, map(_NODE.search, said)), None)
    reasons = [_short(line) for line in said if not _NODE.search(line) and not _PART.match(line)]
    reason = "; ".join(dict.fromkeys(reasons)) or error
    prepared = runs > 0
    ran = f"takes the model, but fails to run it{_nth(runs)}"
    failure = ran if prepared else "refuses the model"
    if node is None:
        return RefusedError(f"TFLM {failure}: {reason}", prepared=prepared)
    part = next(filter(None, map(_PART.match, said)), None)
    name, index = node[1], int(node[2]) + (int(part[1]) if part else 0)
    message = f"TFLM {failure}: operator {index}, {name}: {reason}"
    return RefusedError(message, name, index, prepared=prepared)


def _short(line: str) -> str:
    """Without the folder of the source file that speaks."""
    return _SOURCE.sub(r"\1\2: ", line, count=1)


def _serve(pipe: Connection, words: int) -> None:
    """The child: answers calls until its parent closes the pipe."""
    supervise.close_all_but(0, 1, 2, pipe.fileno(), words)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's business
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    faulthandler.disable()  # its crash is expected
    os.dup2(words, 2)
    confine.memory(bounds.JUDGE_BYTES)
    try:
        tflm: Any = None
        while True:
            method, arguments, time_limit_s = pipe.recv()
            try:
                confine.cpu(time_limit_s or bounds.JUDGE_CPU_S)
                if method == _LOAD:
                    tflm = None  # its memory is free before the next takes its own
                    tflm, value = _loaded(*arguments), None
                else:
                    value = getattr(tflm, method)(*arguments)
                answer = True, value
            except (UnsupportedModelError, MemoryError, RuntimeError, ValueError) as error:
                answer = False, str(error.__cause__ or error) or type(error).__name__
            pipe.send(answer)
    except (EOFError, OSError):
        pass
    finally:
        os._exit(0)


def _loaded(model: bytes, preserve_tensors: bool) -> AnyJudge:
    """The judge of another model; what was said of the last is forgotten."""
    os.ftruncate(2, 0)
    os.lseek(2, 0, os.SEEK_SET)
    return judge_of(model, preserve_tensors=preserve_tensors)
