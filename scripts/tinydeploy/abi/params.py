"""Params structs of the kernels of firmware/dsp, each declared once.

`emit` writes them as `firmware/abi/params.h`; lowering packs and checks its numbers by them: one
that a field does not hold raises `FieldRangeError`, and the operator goes to another kernel.
"""

from __future__ import annotations

from tinydeploy.abi import limits
from tinydeploy.abi.layout import Field, Struct

DIMS = limits.MOVE_DIMS.most


def _fields(kind: str, names: str, doc: str = "", count: int = 1) -> tuple[Field, ...]:
    """Fields of one kind; the doc is the last one's."""
    *others, last = names.split()
    return (
        *(Field(name, kind, "", count) for name in others),
        Field(last, kind, doc, count),
    )


_IMAGE = _fields("u16", "in_height in_width in_channels out_height out_width out_channels")
_PLANES = _fields("u16", "in_height in_width channels out_height out_width")
_WINDOW = _fields("u8", "kernel_height kernel_width stride_height stride_width pad_top pad_left")
_PADDING = _fields("i8", "input_zero_point", "what the padding holds")
_SIGNED = "mode of the requantization: 0 positive, 1 signed"
_CLAMP = "clamp of the output"
_CLAMP8 = _fields("i8", "lowest highest", _CLAMP)
_CLAMP16 = _fields("i16", "lowest highest", _CLAMP)

CONV = Struct(
    "ConvParams",
    "td_conv",
    (
        *_IMAGE,
        *_WINDOW,
        *_PADDING,
        *_fields("u8", "copies_rows", "how rows are read, see RowAccess"),
        *_fields("u16", "row_words", "ceil(bytes of a patch in a row / 4)"),
        *_fields("u16", "batch", "pixels gathered at a time, even, up to kGatheredPixels"),
    ),
)
POINTWISE = Struct(
    "PointwiseParams",
    "td_pointwise",
    (
        *_fields("u32", "pixels"),
        *_fields("u16", "in_channels out_channels"),
        *_fields("u32", "batch", "as in ConvParams"),
    ),
)
POINTWISE_ONE = Struct(
    "PointwiseOneParams",
    "td_pointwise_one",
    (
        *_fields("u32", "pixels"),
        *_fields("u16", "channels"),
        *_CLAMP8,
    ),
)
DEPTHWISE = Struct(
    "DepthwiseParams",
    "td_depthwise",
    (
        *_PLANES,
        *_fields("u8", "stride", "1 or 2, both ways"),
        *_fields("u8", "pad_top pad_left"),
        *_PADDING,
        *_fields("u16", "band", "pairs of output lines held in scratch at a time; more is faster"),
    ),
)
DEPTHWISE_ANY = Struct(
    "DepthwiseAnyParams",
    "td_depthwise_any",
    (*_PLANES, *_WINDOW, *_PADDING, *_fields("u8", "is_signed", _SIGNED)),
)
DEPTHWISE_TIME = Struct(
    "DepthwiseTimeParams",
    "td_depthwise_time",
    (
        *_fields("u16", "taps", "pixels that an output is made of"),
        *_fields("u16", "channels"),
        *_fields("u16", "positions", "outputs"),
        *_fields("u16", "step", "pixels from the first of an output to the first of the next"),
        *_fields("u16", "is_signed", _SIGNED),
    ),
)
DEPTHWISE_LINE = Struct(
    "DepthwiseLineParams",
    "td_depthwise_line",
    (
        *_fields("u32", "step out_step", "bytes from an element of a line to the next"),
        *_fields("u32", "line_step out_line_step", "bytes from a line to the next"),
        *_fields("u16", "lines channels"),
        *_fields("u16", "length", "elements of a line of the input"),
        *_fields("u16", "positions", "elements of a line of the output"),
        *_fields("u16", "taps stride dilation"),
        *_fields("u16", "pad", "elements in front of a line, or of each phase of a dilated one"),
        *_fields("i32", "input_zero_point", "what the padding holds"),
    ),
)
GENERAL = Struct(
    "GeneralConvParams",
    "td_conv_general",
    (
        *_fields("u16", "batches"),
        *_IMAGE,
        *_fields("u16", "channels", "how many of out_channels are computed"),
        *_fields("u16", "group_depth", "input channels of a group"),
        *_fields("u16", "group_outputs", "output channels of a group"),
        *_fields("u16", "kernel_height kernel_width stride_height stride_width"),
        *_fields("u16", "dilation_height dilation_width"),
        *_fields("i16", "pad_top pad_left"),
        *_fields("i8", "input_zero_point output_zero_point"),
        *_CLAMP8,
    ),
)
FULLY_CONNECTED = Struct(
    "FullyConnectedParams", "td_fully_connected", _fields("u16", "batches depth units")
)
POOL8 = Struct(
    "PoolParams8",
    "td_average_pool and td_max_pool: windows are cut at the borders of the input",
    (*_PLANES, *_WINDOW, *_CLAMP8),
)
MEAN = Struct(
    "MeanParams",
    "td_mean and td_mean16: over all pixels, requantized (elementwise.py: mean_params)",
    (
        *_fields("u32", "pixels channels"),
        *_fields("i32", "start", "-pixels * input zero point"),
        *_fields("i32", "multiplier shift", "1 / pixels is in them; shift is positive to the left"),
        *_fields("i32", "output_zero_point"),
    ),
)
SOFTMAX = Struct(
    "SoftmaxRows",
    "td_softmax",
    (
        *_fields("u32", "rows"),
        *_fields("u32", "depth", "up to kSoftmaxDepth"),
        *_fields("u32", "entries", "of the table"),
    ),
)
ADD = Struct(
    "AddParams",
    "td_add: output = clamp((constant + (a * factor_a >> 8) + (b * factor_b >> 8)) >> 20) - 128, "
    "with factors of 2^28 times the scale ratios, the second one negative for a difference. "
    "elementwise.py: add_params tries all 65,536 pairs against TFLM's formula and refuses where "
    "one differs",
    (*_fields("u32", "count"), *_fields("i32", "factor_a factor_b constant")),
)
BINARY = Struct(
    "BinaryParams",
    "td_add_terms, td_multiply, td_maximum, td_minimum",
    (
        *_fields("u32", "count period"),
        *_fields("i32", "multiplier shift", "of the sum or product; shift is positive to the left"),
        *_fields("i16", "zero_point_a zero_point_b output_zero_point"),
        *_CLAMP8,
    ),
)
MOVE = Struct(
    "MoveParams",
    "td_move: for every index below `counts`, outermost first, a run of `bytes` goes from input + "
    "offset + sum(index * input_strides) to output + sum(index * output_strides)",
    (
        *_fields("i32", "offset bytes"),
        *_fields("i32", "counts input_strides output_strides", count=DIMS),
    ),
)
COPY = Struct(
    "CopyParams",
    "td_copy: `rows` blocks of `bytes`, `input_stride` and `output_stride` bytes apart",
    _fields("u32", "rows bytes input_stride output_stride"),
)
FILL = Struct(
    "FillParams",
    "td_fill",
    (*_fields("u32", "bytes"), *_fields("i32", "value", "int8; td_fill_words: a word")),
)
CONV16 = Struct(
    "ConvParams16",
    "td_conv16",
    (
        *_IMAGE,
        *_WINDOW,
        *_fields("u8", "left", "see DotShape16"),
        *_fields("u8", "pairs", "of pixels gathered before they are multiplied, up to kPairs16"),
        *_fields("u16", "steps"),
        *_fields("u16", "row_words", "ceil(elements of a patch in a row / 2)"),
        *_fields("i16", "lowest highest", "for td_dot16_clamped"),
    ),
)
FULLY_CONNECTED16 = Struct(
    "FullyConnectedParams16",
    "td_fully_connected16",
    (
        *_fields("u16", "batches depth units"),
        *_fields("u16", "left", "see DotShape16"),
        *_CLAMP16,
    ),
)
DEPTHWISE16 = Struct(
    "DepthwiseParams16",
    "td_depthwise16",
    (*_PLANES, *_WINDOW, *_fields("u16", "left", "see DotShape16"), *_CLAMP16),
)
POOL16 = Struct(
    "PoolParams16",
    "td_average_pool16 and td_max_pool16",
    (*_PLANES, *_WINDOW, *_CLAMP16),
)
SOFTMAX16 = Struct(
    "SoftmaxParams16",
    "td_softmax16: what lies d <= 0 from the largest of its row is ((d << up) * multiplier / 2^32 "
    "+ nudge) >> down steps of the table's, 10 / 65535, from there (elementwise16.py: "
    "softmax_scaling)",
    (
        *_fields("u32", "rows"),
        *_fields("u32", "depth", "up to kAddends16"),
        *_fields("i32", "multiplier nudge"),
        *_fields("u16", "up down"),
    ),
)
ADD16 = Struct(
    "AddParams16",
    "td_add16 and td_subtract16: the input of the larger scale is `coarse`: where TFLM adds, on a "
    "scale twice as large, it is exact. The factors of the others round twice: multiplier / "
    "2^(31 + shift), shift in [1, 31]",
    (
        *_fields("u32", "rows"),
        *_fields("u32", "length", "of a row, in elements"),
        *_fields("u32", "fine_step coarse_step", "elements from row to row, 0 where it repeats"),
        *_fields("i32", "fine_multiplier"),
        *_fields("u32", "fine_shift"),
        *_fields("i32", "coarse_factor", "2^30, or -2^30 to subtract it"),
        *_fields("i32", "output_multiplier"),
        *_fields("u32", "output_shift"),
        *_CLAMP16,
    ),
)
MULTIPLY16 = Struct(
    "MultiplyParams16",
    "td_multiply16",
    (
        *_fields("u32", "rows length a_step b_step"),
        *_fields("i32", "multiplier"),
        *_fields("u32", "shift"),
        *_CLAMP16,
    ),
)

STRUCTS = (
    CONV, POINTWISE, POINTWISE_ONE, DEPTHWISE, DEPTHWISE_ANY, DEPTHWISE_TIME, DEPTHWISE_LINE,
    GENERAL, FULLY_CONNECTED, POOL8, MEAN, SOFTMAX, ADD, BINARY, MOVE, COPY, FILL, CONV16,
    FULLY_CONNECTED16, DEPTHWISE16, POOL16, SOFTMAX16, ADD16, MULTIPLY16,
)  # fmt: skip
# Which of them hold sizes of an operator.
OF_OPERATOR = {
    "AVERAGE_POOL_2D": (POOL8, POOL16),
    "CONV_2D": (CONV, POINTWISE, GENERAL, CONV16),
    "DEPTHWISE_CONV_2D": (DEPTHWISE, DEPTHWISE_ANY, DEPTHWISE_TIME, DEPTHWISE16),
    "FULLY_CONNECTED": (FULLY_CONNECTED, FULLY_CONNECTED16),
    "MAX_POOL_2D": (POOL8, POOL16),
}
BY_NAME = {struct.name: struct for struct in STRUCTS}
