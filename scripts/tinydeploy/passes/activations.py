"""Fuse RELU, RELU6 and RELU_N1_TO_1 into the operator before."""

from __future__ import annotations

from tinydeploy.graph.ir import Model, Op
from tinydeploy.graph.links import Links, rewrite

_ACTIVATIONS = ("RELU", "RELU6", "RELU_N1_TO_1")
_FUSING = {
    "ADD",
    "AVERAGE_POOL_2D",
    "CONV_2D",
    "DEPTHWISE_CONV_2D",
    "FULLY_CONNECTED",
    "MAX_POOL_2D",
    "MUL",
    "SUB",
}


def run(model: Model, evaluate: object = None) -> int:
    """Let the operator before clamp its result itself.

    Only where both results have the same scale and zero point: then the activation is a clamp, and
    nothing is rounded twice or once less.
    """
    return sum(rewrite(subgraph, _fuse) for subgraph in model.subgraphs)


def _fuse(op: Op, links: Links) -> bool:
    source = op.inputs[0] if op.code in _ACTIVATIONS else None
    before = links.producer(source) if source is not None else None
    if source is None or before is None or before.code not in _FUSING:
        return False
    if before.options.get("fused_activation_function", "NONE") != "NONE":
        return False
    if links.is_output(source) or len(links.consumers(source)) != 1:
        return False
    result = op.outputs[0]
    if source.type is not result.type or source.shape != result.shape:
        return False
    if source.quantization is not None and not source.quantization.same(result.quantization):
        return False
    before.options = {**before.options, "fused_activation_function": op.code}
    links.remove(op)
    links.set_output(before, result)
    return True
