"""What TFLM computes for cases, one after another in the same process."""

from __future__ import annotations

from tinydeploy.errors import TinyDeployError
from tinydeploy.fuzz.cases import Case
from tinydeploy.graph.ir import Array
from tinydeploy.guarded import GuardedJudge, JudgeChild, RefusedError

TIMEOUT_S = 30.0


class JudgeCrashError(TinyDeployError):
    """TFLM itself came to an end on this model, or to none."""


class JudgeProcess:
    """Answers what TFLM computes; started on first use and again after a crash."""

    def __init__(self) -> None:
        self._child = JudgeChild()

    def run(self, case: Case) -> list[list[Array]] | None:
        """Outputs of each run, None if TFLM refuses the model.

        Raises:
            JudgeCrashError: TFLM crashed or never came back.
        """
        try:
            judge = GuardedJudge(case.data, time_limit_s=TIMEOUT_S, child=self._child)
            return [judge.run(arrays) for arrays in case.inputs]
        except RefusedError as error:
            if error.crashed or error.timed_out:
                raise JudgeCrashError(error.message) from error
            return None

    def close(self) -> None:
        """End the process."""
        self._child.close()
