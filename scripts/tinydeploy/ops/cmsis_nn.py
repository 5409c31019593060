"""What TFLM's CMSIS-NN kernels ask of the arena beyond its reference kernels, on a Cortex-M4.

From the `arm_*_get_buffer_size` functions of CMSIS-NN, branch ARM_MATH_DSP; where the choice of a
kernel decides, the larger. Fully connected, softmax and elementwise operators ask for none there.
"""

from __future__ import annotations

from tinydeploy.graph.ir import Model, Op

_LSTM_TABLES = 8  # zero points times weights, of four gates, for input and state


def extra_arena_bytes(model: Model) -> int:
    """An upper bound: scratch of the largest operator (one runs at a time), and tables."""
    ops = list(model.ops)
    scratch = max(map(scratch_bytes, ops), default=0)
    tables = sum(map(_table_bytes, ops))
    return -(-(scratch + tables) // 16) * 16 + 16 * bool(scratch + tables)


def scratch_bytes(op: Op) -> int:
    """Scratch of one operator; 0 for one that asks for none."""
    data, weights = op.input(0), op.input(1)
    if op.name == "AVERAGE_POOL_2D" and data is not None:
        return 4 * data.shape[-1]
    if weights is None or len(weights.shape) != 4:
        return 0
    height, width = weights.shape[1:3]
    if op.name == "CONV_2D":
        return _columns(height * width * weights.shape[3])
    if op.name == "DEPTHWISE_CONV_2D":
        return 2 * height * width * weights.shape[3]
    if op.name == "TRANSPOSE_CONV":
        return _transposed(op, weights.shape)
    return 0


def _columns(size: int) -> int:
    """Two columns of int16, each padded to four."""
    return 2 * 2 * (-(-size // 4) * 4)


def _transposed(op: Op, weights: tuple[int, ...]) -> int:
    outputs, height, width, inputs = weights
    data = op.input(2)
    columns = data.shape[2] if data is not None else 1
    down, right = (int(op.options.get(name, 1)) for name in ("stride_h", "stride_w"))
    rows = ((columns - 1) * right + max(width, right, down)) * outputs * max(height, down)
    reverse = _columns(height * width * inputs) + height * width * inputs * outputs
    return max(4 * rows, reverse)


def _table_bytes(op: Op) -> int:
    if op.name != "UNIDIRECTIONAL_SEQUENCE_LSTM" or not op.outputs:
        return 0
    return _LSTM_TABLES * 4 * op.outputs[0].shape[-1]
