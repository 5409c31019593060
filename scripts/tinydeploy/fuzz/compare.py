"""Compares what an engine computed with what TFLM did."""

from __future__ import annotations

import numpy as np

from tinydeploy.fuzz.cases import Case
from tinydeploy.graph.ir import Array


def difference(case: Case, outputs: bytes, expected: list[list[Array]]) -> str:
    """In one line where the bytes of all runs' outputs first differ, "" if they do not."""
    at = 0
    for run, arrays in enumerate(expected):
        for index, wanted in enumerate(arrays):
            found = outputs[at : at + wanted.nbytes]
            at += wanted.nbytes
            if len(found) < wanted.nbytes:
                return f"output {index} of run {run} has {len(found)} of {wanted.nbytes} bytes"
            got = np.frombuffer(found, wanted.dtype).reshape(wanted.shape)
            if text := _difference(got, wanted, case.tolerance):
                return f"output {index} of run {run}: {text}"
    return "" if at == len(outputs) else f"{len(outputs) - at} bytes too many"


def _difference(got: Array, wanted: Array, tolerance: float) -> str:
    if wanted.dtype.kind == "f":
        finite = np.abs(wanted[np.isfinite(wanted)])
        absolute = tolerance * max(1.0, float(finite.max(initial=0.0)))
        equal = np.isclose(got, wanted, rtol=0.0, atol=absolute, equal_nan=True)
    else:
        equal = got == wanted
    wrong = np.flatnonzero(~equal)
    if not wrong.size:
        return ""
    first = int(wrong[0])
    return (
        f"{wrong.size} of {wanted.size} elements differ, at {first} "
        f"{got.reshape(-1)[first]} instead of {wanted.reshape(-1)[first]}"
    )
