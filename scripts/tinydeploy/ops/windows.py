"""Windows that slide over an image, where their sizes go beyond what TFLM's kernels hold."""

from __future__ import annotations

from collections.abc import Iterator

from tinydeploy.abi import limits
from tinydeploy.graph.ir import Op
from tinydeploy.ops.declared import operator_of


def window_problem(op: Op) -> str:
    """What TFLM would keep in 16 bits though it has more, and so compute something else; or ""."""
    for what, value in [*_steps(op), *_paddings(op)]:
        if value > limits.WINDOW_SHORT.most:
            return (
                f"{what} of {value:,}: TFLM's kernels keep it in 16 bits, at most "
                f"{limits.WINDOW_SHORT.most:,}"
            )
    return ""


def _steps(op: Op) -> Iterator[tuple[str, int]]:
    for side in "hw":
        yield "a stride", int(op.options.get(f"stride_{side}", 1))
        yield "a dilation", int(op.options.get(f"dilation_{side}_factor", 1))


def _paddings(op: Op) -> Iterator[tuple[str, int]]:
    """Before the image; of a transposed convolution, whose image is the larger one, too."""
    if op.options.get("padding") != "SAME" or not op.outputs:
        return
    small, large = op.outputs[0].shape, op.operands[0].shape
    if op.code == "TRANSPOSE_CONV":
        small, large = op.operands[2].shape, op.outputs[0].shape
    if len(small) != 4 or len(large) != 4:
        return
    for axis, side in ((1, "h"), (2, "w")):
        taps = _taps(op, axis, side)
        reach = (taps - 1) * int(op.options.get(f"dilation_{side}_factor", 1)) + 1
        stride = int(op.options.get(f"stride_{side}", 1))
        yield "a padding", max((small[axis] - 1) * stride + reach - large[axis], 0) // 2


def _taps(op: Op, axis: int, side: str) -> int:
    weights = operator_of(op).weights
    if weights is None:
        name = "height" if side == "h" else "width"
        return int(op.options.get(f"filter_{name}", 1))
    filters = op.operands[weights].shape
    return filters[axis] if len(filters) == 4 else 1
