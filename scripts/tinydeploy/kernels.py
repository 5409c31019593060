"""What the firmware's own list of kernels says of them: firmware/kernels/ops.def."""

from __future__ import annotations

import re
from functools import cache

from tinydeploy.config import FIRMWARE_DIR

OPS_DEF = FIRMWARE_DIR / "kernels" / "ops.def"
_ROW = re.compile(r"^TINYDEPLOY_OP(_IN_PLACE)?\((\w+), (\w+), ", re.MULTILINE)


@cache
def in_place() -> frozenset[str]:
    """Operators whose output may lie on an input of the same type and size, by schema name."""
    rows = _ROW.findall(OPS_DEF.read_text(encoding="utf-8"))
    return frozenset(code for marked, _, code in rows if marked)
