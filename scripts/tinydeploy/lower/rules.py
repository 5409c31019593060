"""Which rule lowers which operator."""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy.lower import binary, convolution, interpreted, moves, simple
from tinydeploy.lower.lowering import ANY_OTHER, Rule

RULES: Mapping[str, Rule] = {
    "ADD": binary.add,
    "AVERAGE_POOL_2D": simple.pool,
    "CONCATENATION": moves.concatenation,
    "CONV_2D": convolution.conv,
    "DEPTHWISE_CONV_2D": convolution.depthwise,
    "ELU": simple.unary,
    "EXPAND_DIMS": simple.reshape,
    "FULLY_CONNECTED": convolution.fully_connected,
    "HARD_SWISH": simple.unary,
    "LEAKY_RELU": simple.unary,
    "LOGISTIC": simple.unary,
    "MAXIMUM": binary.extreme,
    "MAX_POOL_2D": simple.pool,
    "MEAN": simple.mean,
    "MINIMUM": binary.extreme,
    "MUL": binary.multiply,
    "PACK": moves.pack,
    "PAD": moves.pad,
    "PADV2": moves.pad,
    "QUANTIZE": simple.unary,
    "RELU": simple.unary,
    "RELU6": simple.unary,
    "RESHAPE": simple.reshape,
    "SLICE": moves.slices,
    "SOFTMAX": simple.softmax,
    "SPLIT": moves.split,
    "SPLIT_V": moves.split,
    "SQUEEZE": simple.reshape,
    "STRIDED_SLICE": moves.slices,
    "SUB": binary.add,
    "TANH": simple.unary,
    "TRANSPOSE": moves.transpose,
    "UNPACK": moves.split,
    ANY_OTHER: interpreted.any_operator,
}
