"""Type combinations that our runtime runs, per operator. The kernels in firmware/kernels decide.

A combination is written as the type of the data, "x" the type of the weights where an operator has
weights, "->" the type of the result where it differs from the data's: "int8", "int16 x int8",
"int8 -> float32".
"""

from __future__ import annotations

from tinydeploy.graph.ir import Op, Tensor

# Where an operator's data and weights are, if not at 0 and nowhere.
_DATA = {"TRANSPOSE_CONV": 2, "SPLIT": 1, "SELECT_V2": 1, "FILL": 1}
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


def _each(names: str, text: str) -> dict[str, frozenset[str]]:
    types = frozenset(part.strip() for part in text.split(","))
    return dict.fromkeys(names.split(), types)


_WEIGHTED = "float32 x float32, int8 x int8, int16 x int8"
_NUMERIC = "float32, int8, int16"
_ANY = "float32, int8, int16, uint8, int32, int64, bool"
_NUMBERS = ("float32", "int8", "int16", "uint8", "int32", "int64", "bool")
_CASTS = (*_NUMBERS, "uint32")
_PAIRS = ", ".join(a if a == b else f"{a} -> {b}" for a in _CASTS for b in _CASTS)
_ORDERED = "float32 -> bool, int8 -> bool, int16 -> bool, int32 -> bool, int64 -> bool, bool"

_SIGNAL = {
    **_each("CIRCULAR_BUFFER", "int8"),
    **_each("SignalDelay SignalFftAutoScale SignalFramer SignalStacker SignalWindow", "int16"),
    **_each("SignalEnergy", "int16 -> uint32"),
    **_each("SignalFilterBank", "uint32 -> uint64"),
    **_each("SignalFilterBankLog", "uint32 -> int16"),
    **_each("SignalFilterBankSpectralSubtraction SignalPCAN", "uint32"),
    **_each("SignalFilterBankSquareRoot", "uint64 -> uint32"),
    **_each("SignalIrfft SignalRfft", "float32, int16, int32"),
    **_each("SignalOverlapAdd", "float32, int16"),
}

# Of operators that only pass data on to others: the kernels check sizes, not types.
ANY = "any"

# tests/graph/test_support.py asks the kernels themselves.
SUPPORTED: dict[str, frozenset[str]] = {
    **_each("CONV_2D DEPTHWISE_CONV_2D FULLY_CONNECTED", _WEIGHTED + ", int8 x int4"),
    **_each("TRANSPOSE_CONV UNIDIRECTIONAL_SEQUENCE_LSTM", _WEIGHTED),
    **_each("SVDF", "float32 x float32, int8 x int8"),
    **_each("BATCH_MATMUL", "float32 x float32, int8 x int8, int16 x int16"),
    **_each("AVERAGE_POOL_2D MAX_POOL_2D MEAN REDUCE_MAX REDUCE_MIN SUM", _NUMERIC),
    **_each("LEAKY_RELU LOGISTIC RELU RELU6 TANH", _NUMERIC),
    **_each("ELU HARD_SWISH L2_NORMALIZATION LOG_SOFTMAX PRELU", "float32, int8"),
    **_each("ADD_N CUMSUM RESIZE_BILINEAR", "float32, int8"),
    **_each("BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND", "float32, int8"),
    **_each("RESIZE_NEAREST_NEIGHBOR", _NUMERIC),
    **_each("ARG_MAX ARG_MIN", "float32 -> int32, int8 -> int32"),
    **_each("SOFTMAX", "float32, int8, int8 -> int16, int16"),
    **_each("ADD MUL SUB", "float32, int8, int16, int32"),
    **_each("MAXIMUM MINIMUM", "float32, int8, int16, int32, int64"),
    **_each("SQUARED_DIFFERENCE", "float32, int8, int16, int32"),
    **_each("DIV", "float32, int8, int32"),
    **_each("ABS RSQRT", _NUMERIC),
    **_each("FLOOR_DIV FLOOR_MOD L2_POOL_2D", "float32"),
    **_each("CEIL COS EXP FLOOR LOG NEG ROUND SIN SQRT SQUARE", "float32"),
    **_each("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL", _ORDERED),
    **_each("LOGICAL_AND LOGICAL_NOT LOGICAL_OR REDUCE_ALL", "bool"),
    **_each("CAST", _PAIRS),
    **_each("BROADCAST_ARGS", "int32, int64"),
    **_each(
        "EMBEDDING_LOOKUP",
        "int32 x float32 -> float32, int32 x int8 -> int8, int32 x int8 -> float32",
    ),
    **_each("ASSIGN_VARIABLE CALL_ONCE IF READ_VARIABLE TFLM_DECODE VAR_HANDLE WHILE", ANY),
    **_each("BasicClassifier", "int32 -> bool"),
    **_each("TFLite_Detection_PostProcess", "float32"),
    **_each("SHAPE", ", ".join(a if a == "int32" else f"{a} -> int32" for a in _NUMBERS)),
    **_each("CONCATENATION EXPAND_DIMS RESHAPE SLICE SQUEEZE STRIDED_SLICE TRANSPOSE", _ANY),
    **_each("BROADCAST_TO DEPTH_TO_SPACE DYNAMIC_UPDATE_SLICE FILL GATHER GATHER_ND", _ANY),
    **_each("MIRROR_PAD PACK REVERSE_V2 SELECT_V2 SPACE_TO_DEPTH SPLIT SPLIT_V UNPACK", _ANY),
    **_each("ZEROS_LIKE", _ANY),
    **_each("PAD PADV2", "float32, int8, int16, int32"),
    **_each("DEQUANTIZE", "int8 -> float32, uint8 -> float32, int16 -> float32"),
    **_each(
        "QUANTIZE",
        "float32 -> int8, float32 -> int16, "
        "int8, int8 -> int16, int8 -> int32, int8 -> uint8, uint8 -> int8, "
        "int16, int16 -> int8, int16 -> int32, int32 -> int8, int32 -> int16",
    ),
    **_SIGNAL,
}
