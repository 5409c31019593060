"""Names of TFLM's op resolver: CONV_2D is registered by `AddConv2D`."""

from __future__ import annotations

from tinydeploy import kernels
from tinydeploy.graph.ir import Op


def method_of(op: Op) -> str | None:
    """Resolver method that registers `op`; None if there is no kernel of it."""
    row = kernels.row_of(op)
    return row.method if row is not None else None
