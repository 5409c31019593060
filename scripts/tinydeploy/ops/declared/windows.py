"""Windows that slide over an image: convolutions and pools."""

from __future__ import annotations

from tinydeploy.ops import shape_rules, work_rules
from tinydeploy.ops.operator import Operator, each
from tinydeploy.ops.own_rules import multipliers, unpacked_int4

_WEIGHTED = "float32 x float32, int8 x int8, int16 x int8"

OPERATORS = {
    "CONV_2D": Operator(
        _WEIGHTED + ", int8 x int4",
        weights=1,
        shape=shape_rules.conv,
        macs=work_rules.conv,
        scratch=unpacked_int4,
        trailing=multipliers(axis=0),
        flash_bytes=5_500,
    ),
    "DEPTHWISE_CONV_2D": Operator(
        _WEIGHTED + ", int8 x int4",
        weights=1,
        shape=shape_rules.depthwise,
        macs=work_rules.depthwise,
        scratch=unpacked_int4,
        trailing=multipliers(axis=3),
        flash_bytes=5_500,
    ),
    "TRANSPOSE_CONV": Operator(
        _WEIGHTED,
        data=2,
        weights=1,
        macs=work_rules.transpose_conv,
        trailing=multipliers(axis=0),
        flash_bytes=5_500,
    ),
    **each(
        "AVERAGE_POOL_2D MAX_POOL_2D",
        Operator("float32, int8, int16", shape=shape_rules.pool, channelwise=True),
    ),
    "L2_POOL_2D": Operator("float32", shape=shape_rules.pool),
}
