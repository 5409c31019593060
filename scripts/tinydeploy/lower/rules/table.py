"""Which rule lowers which operator."""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy.graph.ir import Op, Type
from tinydeploy.lower import (
    binary,
    binary16,
    convolution,
    depthwise,
    interpreted,
    moves,
    simple,
    simple16,
    sixteen,
    state,
)
from tinydeploy.lower.lowering import ANY_OTHER, Lowering, Rule


def _by_type(int8: Rule, int16: Rule) -> Rule:
    """The rule for the type of the activations."""

    def rule(lowering: Lowering, op: Op) -> None:
        (int16 if op.operands[0].type is Type.INT16 else int8)(lowering, op)

    return rule


RULES: Mapping[str, Rule] = {
    "ADD": _by_type(binary.add, binary16.add),
    "ASSIGN_VARIABLE": state.assign_variable,
    "AVERAGE_POOL_2D": _by_type(simple.pool, simple16.pool),
    "BROADCAST_TO": moves.broadcast,
    "CALL_ONCE": state.call_once,
    "CONCATENATION": moves.concatenation,
    "CONV_2D": _by_type(convolution.conv, sixteen.conv),
    "DEPTH_TO_SPACE": moves.depth_to_space,
    "DEPTHWISE_CONV_2D": _by_type(depthwise.depthwise, sixteen.depthwise),
    "ELU": simple.unary,
    "EXPAND_DIMS": simple.reshape,
    "FULLY_CONNECTED": _by_type(convolution.fully_connected, sixteen.fully_connected),
    "GATHER": moves.gather,
    "HARD_SWISH": simple.unary,
    "LEAKY_RELU": simple.unary,
    "LOGISTIC": simple.unary,
    "MAXIMUM": binary.extreme,
    "MAX_POOL_2D": _by_type(simple.pool, simple16.pool),
    "MEAN": _by_type(simple.mean, simple16.mean),
    "MINIMUM": binary.extreme,
    "MUL": _by_type(binary.multiply, binary16.multiply),
    "PACK": moves.pack,
    "PAD": moves.pad,
    "PADV2": moves.pad,
    "QUANTIZE": simple.unary,
    "READ_VARIABLE": state.read_variable,
    "RELU": simple.unary,
    "RELU6": simple.unary,
    "RESHAPE": simple.reshape,
    "RESIZE_NEAREST_NEIGHBOR": moves.nearest,
    "REVERSE_V2": moves.reverse,
    "SLICE": moves.slices,
    "SPACE_TO_DEPTH": moves.space_to_depth,
    "SOFTMAX": _by_type(simple.softmax, simple16.softmax),
    "SPLIT": moves.split,
    "SPLIT_V": moves.split,
    "SQUEEZE": simple.reshape,
    "STRIDED_SLICE": moves.slices,
    "SUB": _by_type(binary.add, binary16.add),
    "TANH": simple.unary,
    "TRANSPOSE": moves.transpose,
    "UNPACK": moves.split,
    "VAR_HANDLE": state.var_handle,
    ANY_OTHER: interpreted.any_operator,
}
# For the memory that a plan takes, not to be emitted.
RULES_WITHOUT_BUILDING: Mapping[str, Rule] = {**RULES, ANY_OTHER: interpreted.without_building}
