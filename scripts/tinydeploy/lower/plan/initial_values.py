"""Steps that give what a model keeps from one inference to the next its first value."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tinydeploy.graph.ir import Array, Tensor, Type
from tinydeploy.lower.plan.ir import Argument, Buffer, Constant, Field, Pointer, Step
from tinydeploy.ops.own_memory import VariableKey


def resets(
    kept: Mapping[VariableKey | Tensor, Buffer], first_values: Mapping[VariableKey, Array]
) -> list[Step]:
    """A step for everything that is kept; zeros where `first_values` has nothing else.

    A tensor that the model marks as a variable starts as TFLM starts it: int8 as the real zero.
    """
    return [
        _reset(buffer, _marked(key) if isinstance(key, Tensor) else first_values.get(key))
        for key, buffer in kept.items()
    ]


def _marked(variable: Tensor) -> Array:
    is_quantized = variable.type is Type.INT8 and variable.quantization is not None
    zero = variable.quantization.zero_point if is_quantized and variable.quantization else 0
    return np.full(variable.nbytes, zero, np.int8)


def _reset(buffer: Buffer, value: Array | None) -> Step:
    """None: zeros. A value of equal bytes takes no room in flash."""
    if value is None or len(set(value.tolist())) <= 1:
        byte = 0 if value is None or not value.size else int(value[0])
        fill: dict[str, Field] = {"bytes": buffer.size, "value": byte}
        return _step(buffer, "td_fill", [Pointer(buffer)], "FillParams", fill)
    row: dict[str, Field] = {
        "rows": 1,
        "bytes": buffer.size,
        "input_stride": 0,
        "output_stride": 0,
    }
    arguments: list[Argument] = [Constant("first", value), Pointer(buffer)]
    return _step(buffer, "td_copy", arguments, "CopyParams", row)


def _step(
    buffer: Buffer,
    function: str,
    arguments: list[Argument],
    params_type: str,
    params: Mapping[str, Field],
) -> Step:
    return Step(
        title=f"first value of {buffer.name}",
        op_name="",
        header="dsp/copy.h",
        function=function,
        arguments=arguments,
        reads=[],
        writes=[buffer],
        params_type=params_type,
        params=params,
    )
