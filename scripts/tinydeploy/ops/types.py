"""Type combinations that our runtime runs, per operator. The kernels in firmware/kernels decide.

A combination is written as the type of the data, "x" the type of the weights where an operator has
weights, "->" the type of the result where it differs from the data's: "int8", "int16 x int8",
"int8 -> float32".
"""

from __future__ import annotations

from tinydeploy.graph.ir import Op, Tensor

# Where an operator's data and weights are, if not at 0 and nowhere.
_DATA = {"TRANSPOSE_CONV": 2, "SPLIT": 1, "SELECT_V2": 1}
_WEIGHTS = {
    "CONV_2D": 1,
    "DEPTHWISE_CONV_2D": 1,
    "TRANSPOSE_CONV": 1,
    "FULLY_CONNECTED": 1,
    "SVDF": 1,
    "UNIDIRECTIONAL_SEQUENCE_LSTM": 1,
    "BATCH_MATMUL": 1,
    "EMBEDDING_LOOKUP": 1,
}


def signature(op: Op) -> str:
    """The type combination of `op`, as in the table."""
    data = _type(op.input(_DATA.get(op.code, 0)))
    text = data
    if op.code in _WEIGHTS and (weights := _type(op.input(_WEIGHTS[op.code]))):
        text += f" x {weights}"
    result = op.outputs[0].type.label if op.outputs else ""
    return f"{text} -> {result}" if result not in ("", data) else text


def _type(tensor: Tensor | None) -> str:
    return tensor.type.label if tensor is not None else ""


def _combinations(text: str) -> frozenset[str]:
    return frozenset(part.strip() for part in text.split(","))


_WEIGHTED = "float32 x float32, int8 x int8, int16 x int8"
_NUMERIC = "float32, int8, int16"

# tests/graph/test_support.py asks the kernels themselves.
SUPPORTED = {
    name: _combinations(text)
    for name, text in {
        "AVERAGE_POOL_2D": _NUMERIC,
        "CONV_2D": _WEIGHTED,
        "DEPTHWISE_CONV_2D": _WEIGHTED,
        "DEQUANTIZE": "int8 -> float32, uint8 -> float32, int16 -> float32",
        "FULLY_CONNECTED": _WEIGHTED,
        "MAX_POOL_2D": _NUMERIC,
        "QUANTIZE": (
            "float32 -> int8, float32 -> int16, "
            "int8, int8 -> int16, int8 -> int32, int8 -> uint8, uint8 -> int8, "
            "int16, int16 -> int8, int16 -> int32, int32 -> int8, int32 -> int16"
        ),
        "RESHAPE": "float32, int8, int16, int32, int64, uint8, bool",
        "SOFTMAX": "float32, int8, int8 -> int16",
    }.items()
}
