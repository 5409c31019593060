"""Rules for everything but convolutions: element by element, pools, mean, softmax, copies."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from tinydeploy.abi import limits
from tinydeploy.abi import params as declared
from tinydeploy.abi.layout import Numbers, Struct
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Op, Tensor, Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.lower.lowering import (
    KernelCall,
    Lowering,
    refusal,
    require_int8,
    require_limit,
    scale_of,
)
from tinydeploy.lower.packing import elementwise
from tinydeploy.lower.plan.ir import Buffer, Constant, Field, Pointer
from tinydeploy.lower.rules.fused_activation import activation_range, lookup

_POOL, MEAN = declared.POOL8, declared.MEAN


def unary(lowering: Lowering, op: Op) -> None:
    """Any function of one int8: TFLM computes the table."""
    source, result = op.operands[0], op.outputs[0]
    require_int8(op, source, result)
    build = Builder()
    x = build.input((256,), Type.INT8, source.quantization)
    y = build.op(op.code, [x], (256,), Type.INT8, result.quantization, **op.options)
    order = np.roll(elementwise.ALL_INT8, 128).astype(np.int8)
    answer = lowering.evaluate(dump(build.model(y)), [order])
    if answer is None:
        raise refusal(op, "is refused by TFLM")
    lookup(lowering, op, source, answer[0].astype(np.int8).tobytes())


def pool(lowering: Lowering, op: Op) -> None:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    source, result = op.operands[0], op.outputs[0]
    require_int8(op, source, result)
    kernel = (int(op.options["filter_height"]), int(op.options["filter_width"]))
    stride = (int(op.options["stride_h"]), int(op.options["stride_w"]))
    if source.shape[0] != 1:
        raise refusal(op, "has a batch")
    if op.code == "AVERAGE_POOL_2D":
        require_limit(op, limits.POOL_PIXELS, math.prod(kernel))
    padding = (0, 0)
    if op.options["padding"] == "SAME":
        sizes = zip(source.shape[1:3], result.shape[1:3], kernel, stride, strict=True)
        top, left = (max((o - 1) * s + k - i, 0) // 2 for i, o, k, s in sizes)
        padding = (top, left)
    params = elementwise.pool_params(
        _image(source), _image(result)[:2], kernel, stride, padding, activation_range(op, result)
    )
    function = "td_max_pool" if op.code == "MAX_POOL_2D" else "td_average_pool"
    _simple(
        lowering,
        op,
        ("dsp/pool.h", function, _POOL),
        params,
    )


def mean(lowering: Lowering, op: Op) -> None:
    """MEAN over height and width, or over the steps of a sequence."""
    source, result = op.operands[0], op.outputs[0]
    require_int8(op, source, result)
    pixels, channels = outer_axes(op)
    require_limit(op, limits.MEAN_PIXELS, pixels)
    params = elementwise.mean_params(pixels, channels, scale_of(source), scale_of(result))
    _simple(
        lowering,
        op,
        ("dsp/pool.h", "td_mean", MEAN),
        params,
    )


def stays_behind(params: Mapping[str, Field]) -> bool:
    """Whether a pool may write over its input: no window begins before its output pixel."""
    g = {name: int(value) for name, value in params.items() if isinstance(value, int)}
    rows, columns = (
        [max(i * g[f"stride_{side}"] - g[pad], 0) for i in range(g[f"out_{side}"])]
        for side, pad in (("height", "pad_top"), ("width", "pad_left"))
    )
    return all(
        y * g["in_width"] + x >= oy * g["out_width"] + ox
        for oy, y in enumerate(rows)
        for ox, x in enumerate(columns)
    )


def outer_axes(op: Op) -> tuple[int, int]:
    """(elements that become one, elements of the result) of a reduction over the outer axes.

    Those of an image with one batch are height and width, those of a sequence its steps.
    """
    source, axes = op.operands[0], op.operands[1]
    if axes.data is None:
        raise refusal(op, "has axes that are not constant")
    rank = len(source.shape)
    over = {int(axis) % rank for axis in axes.data.reshape(-1)}
    inner = max((axis for axis in over if source.shape[axis] > 1), default=-1) + 1
    if any(source.shape[axis] > 1 for axis in range(inner) if axis not in over):
        raise refusal(op, "has other axes outside of those it goes over")
    return math.prod(source.shape[:inner]), math.prod(source.shape[inner:])


def softmax(lowering: Lowering, op: Op) -> None:
    """SOFTMAX over the last axis."""
    source, result = op.operands[0], op.outputs[0]
    require_int8(op, source, result)
    depth = source.shape[-1]
    require_limit(op, limits.SOFTMAX_DEPTH, depth)
    if scale_of(result) != (1 / 256, -128):
        raise refusal(op, "has an output that is not of scale 1/256")
    table = elementwise.softmax_table(float(op.options.get("beta", 1.0)), scale_of(source)[0])
    given = lowering.buffer(source)
    output = lowering.output(op, over=source)
    lowering.append(
        op,
        KernelCall(
            "dsp/softmax.h",
            "td_softmax",
            [
                Pointer(given, "const int8_t"),
                Constant("exponentials", np.frombuffer(table, "<i4")),
                Pointer(output),
            ],
            reads=[given],
            writes=output,
            params_type="SoftmaxRows",
            params={"rows": source.size // depth, "depth": depth, "entries": len(table) // 4},
        ),
    )


def reshape(lowering: Lowering, op: Op) -> None:
    """RESHAPE and the like: an alias where the input is dead afterwards, else a copy."""
    source, result = op.operands[0], op.outputs[0]
    given = lowering.buffer(source)
    output = lowering.output(op, over=source)
    ends = (source in lowering.graph.inputs) or (result in lowering.graph.outputs)
    if output.base is given and not ends:
        return
    copy(lowering, op, given, output)


def copy(lowering: Lowering, op: Op, given: Buffer | Constant, output: Buffer) -> None:
    """Append a step that copies all of `output`."""
    pointer = given if isinstance(given, Constant) else Pointer(given, "const int8_t")
    lowering.append(
        op,
        KernelCall(
            "dsp/copy.h",
            "td_copy",
            [pointer, Pointer(output)],
            reads=[pointer.buffer] if isinstance(pointer, Pointer) else [],
            writes=output,
            params_type="CopyParams",
            params={"rows": 1, "bytes": output.size, "input_stride": 0, "output_stride": 0},
        ),
    )


def _simple(lowering: Lowering, op: Op, kernel: tuple[str, str, Struct], params: Numbers) -> None:
    """A step of the form (params, input, output)."""
    header, function, params_type = kernel
    given, output = lowering.buffer(op.operands[0]), lowering.output(op)
    lowering.append(
        op,
        KernelCall(
            header,
            function,
            [Pointer(given, "const int8_t"), Pointer(output)],
            reads=[given],
            writes=output,
            params_type=params_type.name,
            params=params,
        ),
    )


def _image(tensor: Tensor) -> tuple[int, int, int]:
    _, height, width, channels = tensor.shape
    return height, width, channels
