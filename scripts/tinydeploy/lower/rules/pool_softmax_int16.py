"""Rules for int16 activations without weights: pools, mean, softmax."""

from __future__ import annotations

from collections.abc import Mapping

from tinydeploy.abi import limits as declared
from tinydeploy.graph.ir import Op
from tinydeploy.lower.lowering import (
    KernelCall,
    Lowering,
    refusal,
    require_int16,
    require_limit,
    scale_of,
)
from tinydeploy.lower.packing import elementwise, elementwise_int16
from tinydeploy.lower.plan.ir import Constant, Field, Pointer
from tinydeploy.lower.rules.conv_int16 import limits, window
from tinydeploy.lower.rules.conv_operands import image
from tinydeploy.lower.rules.unary_pool_softmax import MEAN, outer_axes, stays_behind


def pool(lowering: Lowering, op: Op) -> None:
    """AVERAGE_POOL_2D and MAX_POOL_2D."""
    source, result = op.operands[0], op.outputs[0]
    require_int16(op, source, result)
    if source.shape[0] != 1:
        raise refusal(op, "has a batch")
    height, width, channels = image(source)
    kernel = (int(op.options["filter_height"]), int(op.options["filter_width"]))
    params = {
        "in_height": height,
        "in_width": width,
        "channels": channels,
        "out_height": result.shape[1],
        "out_width": result.shape[2],
        **window(op, kernel),
        **limits(op),
    }
    function = "td_max_pool16" if op.code == "MAX_POOL_2D" else "td_average_pool16"
    _call(lowering, op, function, "PoolParams16", params, in_place=stays_behind(params))


def mean(lowering: Lowering, op: Op) -> None:
    """MEAN over height and width, or over the steps of a sequence."""
    source, result = op.operands[0], op.outputs[0]
    require_int16(op, source, result)
    pixels, channels = outer_axes(op)
    require_limit(op, declared.ADDENDS16, pixels)
    params = elementwise.mean_params(pixels, channels, scale_of(source), scale_of(result))
    _call(lowering, op, "td_mean16", MEAN.name, params, in_place=True)


def softmax(lowering: Lowering, op: Op) -> None:
    """SOFTMAX over the last axis."""
    source, result = op.operands[0], op.outputs[0]
    require_int16(op, source, result)
    depth = source.shape[-1]
    scaling = elementwise_int16.softmax_scaling(
        float(op.options.get("beta", 1.0)), scale_of(source)[0]
    )
    require_limit(op, declared.ADDENDS16, depth)
    if scaling is None:
        raise refusal(op, "has an input of too large a scale")
    params = {"rows": source.size // depth, "depth": depth, **scaling}
    curves = (
        Constant("exponential", elementwise_int16.exponential_curve()),
        Constant("reciprocal", elementwise_int16.reciprocal_curve()),
    )
    _call(lowering, op, "td_softmax16", "SoftmaxParams16", params, *curves, in_place=True)


def _call(
    lowering: Lowering,
    op: Op,
    function: str,
    params_type: str,
    params: Mapping[str, Field],
    *curves: Constant,
    in_place: bool,
) -> None:
    """A step of the form (params, input[, curves], output)."""
    source = op.operands[0]
    given = lowering.buffer(source)
    output = lowering.output(op, over=source if in_place else None)
    header = "dsp/softmax16.h" if curves else "dsp/pool16.h"
    lowering.append(
        op,
        KernelCall(
            header,
            function,
            [Pointer(given, "const int16_t"), *curves, Pointer(output, "int16_t")],
            reads=[given],
            writes=output,
            params_type=params_type,
            params=params,
        ),
    )
