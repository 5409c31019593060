"""Operators that move data or change its shape, and those that look it up."""

from __future__ import annotations

from tinydeploy.ops import shape_rules
from tinydeploy.ops.operator import LookUp, Operator, each
from tinydeploy.ops.own_rules import word_an_input, word_an_output

_NUMBERS = ("float32", "int8", "int16", "uint8", "int32", "int64", "bool")
_ANY = ", ".join(_NUMBERS)
_PADDED = "float32, int8, int16, int32"
_BLOCKS = "float32, int8"
_SIZES = ", ".join(kind if kind == "int32" else f"{kind} -> int32" for kind in _NUMBERS)
_MOVES = Operator(_ANY, moves=True)

OPERATORS = {
    **each("BROADCAST_TO DEPTH_TO_SPACE DYNAMIC_UPDATE_SLICE GATHER_ND MIRROR_PAD", _MOVES),
    **each("REVERSE_V2 SLICE SPACE_TO_DEPTH STRIDED_SLICE", _MOVES),
    **each("BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND", Operator(_BLOCKS, moves=True)),
    "BROADCAST_ARGS": Operator("int32, int64"),
    "CONCATENATION": Operator(
        _ANY, shape=shape_rules.concatenation, trailing=word_an_input, moves=True
    ),
    **each("EXPAND_DIMS SQUEEZE", Operator(_ANY, moves=True, keeps_values=True)),
    "FILL": Operator(_ANY, data=1, moves=True),
    "GATHER": Operator(_ANY, moves=True, look_up=LookUp(places=1, table=0)),
    "PACK": Operator(_ANY, trailing=word_an_input, moves=True),
    **each("PAD PADV2", Operator(_PADDED, shape=shape_rules.pad, moves=True)),
    "RESHAPE": Operator(_ANY, shape=shape_rules.reshape, moves=True, keeps_values=True),
    "RESIZE_BILINEAR": Operator("float32, int8"),
    "RESIZE_NEAREST_NEIGHBOR": Operator("float32, int8, int16"),
    "SELECT_V2": Operator(_ANY, data=1),
    "SHAPE": Operator(_SIZES),
    "SPLIT": Operator(_ANY, data=1, trailing=word_an_output, moves=True, axis=0),
    "SPLIT_V": Operator(_ANY, trailing=word_an_output, moves=True, axis=2),
    "TRANSPOSE": Operator(_ANY, shape=shape_rules.transpose, moves=True),
    "UNPACK": Operator(_ANY, trailing=word_an_output, moves=True),
    "ZEROS_LIKE": Operator(_ANY, shape=shape_rules.same, moves=True),
}
