"""Limits of the kernels and the runtime, each declared once: sizes of fixed arrays, and how far
numbers may go before a sum or an index no longer fits.

`emit` writes them as `firmware/abi/limits.h`. Lowering asks here before it chooses a kernel, C++
sizes its arrays and refuses models by them, and the fuzzer draws sizes around each. The widths of
fields are limits too: those are in `params`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Limit:
    """The most that something may be.

    Attributes:
        name: in C++ the same in camel case with a k in front.
        most: the largest that is fine.
        doc: what is limited.
        size: what the fuzzer's generators call it; "" where no model has it as such, or none of
            that size fits the simulated core.
        operators: that have it.
    """

    name: str
    most: int
    doc: str
    size: str = ""
    operators: tuple[str, ...] = ()


# Kernels of firmware/dsp
CONV_WINDOW_ROWS = Limit(
    "conv_window_rows",
    32,
    "rows of a window that td_conv points to from its stack; from scratch, if there are more",
    "kernel_height",
    ("CONV_2D",),
)
GATHERED_PIXELS = Limit(
    "gathered_pixels", 16, "pixels that td_conv and td_pointwise multiply at a time"
)
PAIRS16 = Limit("pairs16", 8, "pairs of pixels that td_conv16 multiplies at a time")
MOVE_DIMS = Limit("move_dims", 5, "loops of td_move around its runs of bytes")
POOL_PIXELS = Limit(
    "pool_pixels",
    256,
    "pixels of int8 whose sum an int16 holds: the window of td_average_pool, a block of td_mean",
    "window_pixels",
    ("AVERAGE_POOL_2D", "MEAN"),
)
SOFTMAX_DEPTH = Limit(
    "softmax_depth",
    4096,
    "row of td_softmax: its sum has 12 integer bits",
    "row",
    ("SOFTMAX", "LOG_SOFTMAX"),
)
ADDENDS16 = Limit(
    "addends16",
    (1 << 16) - 1,
    "numbers of int16 whose sum an int32 holds: td_softmax16, td_mean16",
    "window_pixels",
    ("MEAN",),
)
MEAN_PIXELS = Limit(
    "mean_pixels", (1 << 23) - 1, "pixels of td_mean: 255 times as much is an int32"
)
CURVE_PIECES = Limit("curve_pieces", 512, "straight pieces of the curves of td_softmax16")
PREPARED_BUFFERS = Limit(
    "prepared_buffers", 8, "scratch and state buffers of an operator that a plan calls as it is"
)

# The runtime, whichever the engine
RANK = Limit("rank", 6, "dimensions of a tensor")
COUNT = Limit("count", (1 << 15) - 1, "operators, tensors, arguments of one")
TENSOR_BYTES = Limit(
    "tensor_bytes", 1 << 28, "bytes of a tensor, of scratch, of state: sums fit 32 bits"
)
ARENA_BYTES = Limit("arena_bytes", 1 << 29, "bytes of an arena: sums fit 32 bits")
CALLS_DEEP = Limit("calls_deep", 8, "subgraphs that call subgraphs: ends a recursion")

# Kernels of the interpreter
WINDOW_STEP = Limit("window_step", 1 << 16, "side of a window: positions fit 32 bits")
WINDOW_SHORT = Limit(
    "window_short",
    (1 << 15) - 1,
    "stride, dilation, padding of a window: TFLM's kernels keep them in int16, and wrap beyond",
)
WINDOW_INPUT = Limit("window_input", 1 << 28, "side of the input of a window, and its reach")
FRAME_SAMPLES = Limit("frame_samples", 1 << 16, "samples of a frame, a window or a spectrum")
FRAME_CONTEXT = Limit("frame_context", 1 << 10, "frames of context, or rows of delayed samples")
FFT_SAMPLES = Limit("fft_samples", 1 << 15, "length of a Fourier transform")
BLOCK_SIDE = Limit("block_side", 1 << 12, "side of a block of depth or batches")
RESIZED_SIDE = Limit("resized_side", 1 << 16, "side of an image that is resized")
DETECTIONS = Limit("detections", 1 << 16, "boxes that a detection may end with")

LIMITS = (
    CONV_WINDOW_ROWS, GATHERED_PIXELS, PAIRS16, MOVE_DIMS, POOL_PIXELS, SOFTMAX_DEPTH, ADDENDS16,
    MEAN_PIXELS, CURVE_PIECES, PREPARED_BUFFERS, RANK, COUNT, TENSOR_BYTES, ARENA_BYTES, CALLS_DEEP,
    WINDOW_STEP, WINDOW_SHORT, WINDOW_INPUT, FRAME_SAMPLES, FRAME_CONTEXT, FFT_SAMPLES, BLOCK_SIDE,
    RESIZED_SIDE, DETECTIONS,
)  # fmt: skip
