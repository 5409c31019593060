"""Which rule lowers which operator."""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy.graph.ir import Op, Type
from tinydeploy.lower.lowering import ANY_OTHER, Lowering, Rule
from tinydeploy.lower.rules import (
    binary,
    binary_int16,
    conv,
    conv_int16,
    data_movement,
    depthwise_conv,
    interpreter_fallback,
    pool_softmax_int16,
    state,
    unary_pool_softmax,
)


def _by_type(int8: Rule, int16: Rule) -> Rule:
    """The rule for the type of the activations."""

    def rule(lowering: Lowering, op: Op) -> None:
        (int16 if op.operands[0].type is Type.INT16 else int8)(lowering, op)

    return rule


RULES: Mapping[str, Rule] = {
    "ADD": _by_type(binary.add, binary_int16.add),
    "ASSIGN_VARIABLE": state.assign_variable,
    "AVERAGE_POOL_2D": _by_type(unary_pool_softmax.pool, pool_softmax_int16.pool),
    "BROADCAST_TO": data_movement.broadcast,
    "CALL_ONCE": state.call_once,
    "CONCATENATION": data_movement.concatenation,
    "CONV_2D": _by_type(conv.conv, conv_int16.conv),
    "DEPTH_TO_SPACE": data_movement.depth_to_space,
    "DEPTHWISE_CONV_2D": _by_type(depthwise_conv.depthwise, conv_int16.depthwise),
    "ELU": unary_pool_softmax.unary,
    "EXPAND_DIMS": unary_pool_softmax.reshape,
    "FULLY_CONNECTED": _by_type(conv.fully_connected, conv_int16.fully_connected),
    "GATHER": data_movement.gather,
    "HARD_SWISH": unary_pool_softmax.unary,
    "LEAKY_RELU": unary_pool_softmax.unary,
    "LOGISTIC": unary_pool_softmax.unary,
    "MAXIMUM": binary.extreme,
    "MAX_POOL_2D": _by_type(unary_pool_softmax.pool, pool_softmax_int16.pool),
    "MEAN": _by_type(unary_pool_softmax.mean, pool_softmax_int16.mean),
    "MINIMUM": binary.extreme,
    "MUL": _by_type(binary.multiply, binary_int16.multiply),
    "PACK": data_movement.pack,
    "PAD": data_movement.pad,
    "PADV2": data_movement.pad,
    "QUANTIZE": unary_pool_softmax.unary,
    "READ_VARIABLE": state.read_variable,
    "RELU": unary_pool_softmax.unary,
    "RELU6": unary_pool_softmax.unary,
    "RESHAPE": unary_pool_softmax.reshape,
    "RESIZE_NEAREST_NEIGHBOR": data_movement.nearest,
    "REVERSE_V2": data_movement.reverse,
    "SLICE": data_movement.slices,
    "SPACE_TO_DEPTH": data_movement.space_to_depth,
    "SOFTMAX": _by_type(unary_pool_softmax.softmax, pool_softmax_int16.softmax),
    "SPLIT": data_movement.split,
    "SPLIT_V": data_movement.split,
    "SQUEEZE": unary_pool_softmax.reshape,
    "STRIDED_SLICE": data_movement.slices,
    "SUB": _by_type(binary.add, binary_int16.add),
    "TANH": unary_pool_softmax.unary,
    "TRANSPOSE": data_movement.transpose,
    "UNPACK": data_movement.split,
    "VAR_HANDLE": state.var_handle,
    ANY_OTHER: interpreter_fallback.any_operator,
}
# For the memory that a plan takes, not to be emitted.
RULES_WITHOUT_BUILDING: Mapping[str, Rule] = {
    **RULES,
    ANY_OTHER: interpreter_fallback.without_building,
}
