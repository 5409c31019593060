"""Operators that multiply by weights or by other data, but for convolutions."""

from __future__ import annotations

from tinydeploy.ops import shape_rules, work_rules
from tinydeploy.ops.operator import LookUp, Operator
from tinydeploy.ops.own_rules import multipliers_if_several, unpacked_int4

OPERATORS = {
    "BATCH_MATMUL": Operator(
        "float32 x float32, int8 x int8, int16 x int16",
        weights=1,
        macs=work_rules.batch_matmul,
    ),
    "EMBEDDING_LOOKUP": Operator(
        "int32 x float32 -> float32, int32 x int8 -> int8, int32 x int8 -> float32",
        weights=1,
        look_up=LookUp(places=0, table=1),
    ),
    "FULLY_CONNECTED": Operator(
        "float32 x float32, int8 x int8, int16 x int8, int8 x int4",
        weights=1,
        shape=shape_rules.fully_connected,
        macs=work_rules.fully_connected,
        scratch=unpacked_int4,
        trailing=multipliers_if_several,
        flash_bytes=2_500,
    ),
    "SVDF": Operator(
        "float32 x float32, int8 x int8",
        weights=1,
        macs=work_rules.svdf,
        has_variables=True,
    ),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Operator(
        "float32 x float32, int8 x int8, int16 x int8",
        weights=1,
        macs=work_rules.lstm,
        has_variables=True,
        flash_bytes=6_000,
    ),
}
