"""What the interpreter's kernels keep of each operator: params and arguments.

This repeats what the kernels' Prepare asks for, so that the arena is known before anything is
built (see arena.py). tests/graph/test_support.py compares it with what the runtime uses.
"""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.graph.ir import Model, Op, Type
from tinydeploy.ops.own_memory import more_params_bytes

_CHANNEL_BYTES = 5  # multiplier and shift


@dataclass(frozen=True)
class Kernel:
    """What a kernel keeps for each of its operators.

    Attributes:
        inputs: arguments that are reserved for inputs, given or not.
        params: bytes of its params struct.
        float_params: the same for float32.
        int16_params: the same for int16, if it is another number.
        channel_axis: axis of the weights along which each channel has a multiplier, or None.
        only_per_channel: multipliers only if the weights have several scales.
        params_per_input, params_per_output: bytes of params for each input or output besides.
    """

    inputs: int
    params: int
    float_params: int
    channel_axis: int | None = None
    only_per_channel: bool = False
    params_per_input: int = 0
    params_per_output: int = 0
    int16_params: int | None = None


def _each(names: str, kernel: Kernel) -> dict[str, Kernel]:
    return dict.fromkeys(names.split(), kernel)


KERNELS: dict[str, Kernel] = {
    "CONV_2D": Kernel(3, 84, 76, channel_axis=0),
    "DEPTHWISE_CONV_2D": Kernel(3, 76, 68, channel_axis=3),
    "FULLY_CONNECTED": Kernel(3, 44, 20, channel_axis=0, only_per_channel=True),
    **_each("AVERAGE_POOL_2D MAX_POOL_2D", Kernel(1, 72, 72)),
    **_each("MEAN REDUCE_MAX REDUCE_MIN SUM", Kernel(2, 140, 140)),
    "SOFTMAX": Kernel(1, 24, 24, int16_params=2076),
    "ELU": Kernel(1, 308, 52),  # int8 by table
    **_each("HARD_SWISH LEAKY_RELU LOGISTIC RELU RELU6 TANH", Kernel(1, 52, 52)),
    **_each("ABS CEIL COS EXP FLOOR LOG LOGICAL_NOT NEG ROUND", Kernel(1, 52, 52)),
    **_each("RSQRT SIN SQRT SQUARE", Kernel(1, 52, 52)),
    **_each("ADD DIV MAXIMUM MINIMUM MUL SQUARED_DIFFERENCE SUB", Kernel(2, 132, 132)),
    **_each("EQUAL GREATER GREATER_EQUAL LESS LESS_EQUAL NOT_EQUAL", Kernel(2, 132, 132)),
    **_each("LOGICAL_AND LOGICAL_OR", Kernel(2, 132, 132)),
    "CONCATENATION": Kernel(0, 8, 8, params_per_input=4),
    **_each("EXPAND_DIMS RESHAPE", Kernel(2, 4, 4)),
    "SQUEEZE": Kernel(1, 4, 4),
    "PAD": Kernel(2, 72, 72),
    "PADV2": Kernel(3, 72, 72),
    "SLICE": Kernel(3, 60, 60),
    "STRIDED_SLICE": Kernel(4, 60, 60),
    "TRANSPOSE": Kernel(2, 60, 60),
    **_each("DEQUANTIZE QUANTIZE", Kernel(1, 32, 32)),
    "ADD_N": Kernel(0, 36, 36),
    **_each("ARG_MAX ARG_MIN CUMSUM", Kernel(2, 48, 48)),
    "BATCH_MATMUL": Kernel(2, 96, 96),
    **_each("BATCH_TO_SPACE_ND SPACE_TO_BATCH_ND", Kernel(3, 40, 40)),
    "BROADCAST_ARGS": Kernel(2, 12, 12),
    **_each("BROADCAST_TO REVERSE_V2", Kernel(2, 60, 60)),
    **_each("CAST ZEROS_LIKE", Kernel(1, 8, 8)),
    **_each("DEPTH_TO_SPACE SPACE_TO_DEPTH", Kernel(1, 60, 60)),
    "DYNAMIC_UPDATE_SLICE": Kernel(3, 92, 92),
    "EMBEDDING_LOOKUP": Kernel(2, 20, 20),
    "FILL": Kernel(2, 8, 8),
    **_each("FLOOR_DIV FLOOR_MOD PRELU", Kernel(2, 132, 132)),
    "GATHER": Kernel(2, 24, 24),
    "GATHER_ND": Kernel(2, 40, 40),
    "L2_NORMALIZATION": Kernel(1, 12, 12),
    "L2_POOL_2D": Kernel(1, 72, 72),
    **_each("LOG_SOFTMAX SHAPE", Kernel(1, 28, 28)),
    "MIRROR_PAD": Kernel(2, 84, 84),
    "PACK": Kernel(0, 16, 16, params_per_input=4),
    "REDUCE_ALL": Kernel(2, 140, 140),
    **_each("RESIZE_BILINEAR RESIZE_NEAREST_NEIGHBOR", Kernel(2, 52, 52)),
    "SELECT_V2": Kernel(3, 104, 104),
    "SPLIT": Kernel(2, 16, 16, params_per_output=4),
    "SPLIT_V": Kernel(3, 16, 16, params_per_output=4),
    "SVDF": Kernel(5, 56, 56),
    "TRANSPOSE_CONV": Kernel(4, 84, 84, channel_axis=0),
    "UNIDIRECTIONAL_SEQUENCE_LSTM": Kernel(24, 160, 24),
    "UNPACK": Kernel(1, 16, 16, params_per_output=4),
    "ASSIGN_VARIABLE": Kernel(2, 12, 12),
    **_each("CALL_ONCE IF WHILE", Kernel(0, 8, 8)),
    "CIRCULAR_BUFFER": Kernel(1, 12, 12),
    "READ_VARIABLE": Kernel(1, 12, 12),
    **_each("TFLM_DECODE VAR_HANDLE", Kernel(0, 4, 4)),
    "BasicClassifier": Kernel(3, 8, 8),
    "SignalDelay": Kernel(1, 12, 12),
    "SignalEnergy": Kernel(1, 12, 12),
    "SignalFftAutoScale": Kernel(1, 4, 4),
    "SignalFilterBank": Kernel(6, 4, 4),
    "SignalFilterBankLog": Kernel(1, 12, 12),
    "SignalFilterBankSpectralSubtraction": Kernel(1, 36, 36),
    "SignalFilterBankSquareRoot": Kernel(2, 4, 4),
    "SignalFramer": Kernel(1, 20, 20),
    **_each("SignalIrfft SignalRfft", Kernel(1, 12, 12)),
    **_each("SignalOverlapAdd SignalStacker", Kernel(1, 16, 16)),
    "SignalPCAN": Kernel(3, 8, 8),
    "SignalWindow": Kernel(2, 12, 12),
    "TFLite_Detection_PostProcess": Kernel(3, 56, 56),
}
_USUAL = Kernel(0, 48, 48)


def is_exact(model: Model) -> bool:
    """Whether the kernels of all operators are in the table."""
    return all(op.name in KERNELS for op in model.ops)


def params_bytes(op: Op) -> int:
    """Bytes of the params that the kernel keeps for `op`."""
    kernel = KERNELS.get(op.name, _USUAL)
    more = kernel.params_per_input * len(op.inputs) + kernel.params_per_output * len(op.outputs)
    more += more_params_bytes(op)
    if any(operand.type is Type.FLOAT32 for operand in op.operands):
        return kernel.float_params + more
    if kernel.int16_params is not None and op.operands and op.operands[0].type is Type.INT16:
        return kernel.int16_params + more
    return kernel.params + _channels(op, kernel) * _CHANNEL_BYTES + more


def port_count(op: Op) -> int:
    """Arguments for inputs, those included that may be given and are not, and for outputs."""
    kernel = KERNELS.get(op.name, _USUAL)
    return max(len(op.inputs), kernel.inputs) + len(op.outputs)


def _channels(op: Op, kernel: Kernel) -> int:
    weights = op.input(1)
    axis = kernel.channel_axis
    if weights is None or axis is None or axis >= len(weights.shape):
        return 0
    several = weights.quantization is not None and weights.quantization.per_channel
    return weights.shape[axis] if several or not kernel.only_per_channel else 0
