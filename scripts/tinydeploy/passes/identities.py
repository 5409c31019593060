"""Remove operators whose output is their input, number by number."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tinydeploy.graph.ir import Array, Model, Op, Tensor
from tinydeploy.graph.links import Links, rewrite


def run(model: Model, evaluate: object = None) -> int:
    """Remove what neither changes nor moves a number."""
    return sum(rewrite(subgraph, _remove) for subgraph in model.subgraphs)


def _remove(op: Op, links: Links) -> bool:
    rule = _RULES.get(op.code)
    source = rule(op, links) if rule else None
    if source is None or len(op.outputs) != 1 or not _alike(source, op.outputs[0]):
        return False
    is_output = links.is_output(op.outputs[0])
    if is_output and (links.is_input(source) or source.is_constant):
        return False  # something has to write the model's output
    if is_output and links.is_output(source):
        return False  # two outputs are two places
    links.replace(op.outputs[0], source)
    links.remove(op)
    return True


def _alike(source: Tensor, result: Tensor) -> bool:
    """Whether readers of `result` may read `source`: same shape, type and meaning."""
    if source.shape != result.shape or source.type is not result.type:
        return False
    if source.quantization is None or result.quantization is None:
        return source.quantization is result.quantization
    return source.quantization.same(result.quantization)


def _same(op: Op, links: Links) -> Tensor | None:
    return op.inputs[0]


def _requantize(op: Op, links: Links) -> Tensor | None:
    """QUANTIZE to what its input already is, or of a DEQUANTIZE of that.

    (q - z) * s is rounded to float and divided by s again: that is off by far less than half a
    step, so that q comes back.
    """
    source = op.inputs[0]
    before = links.producer(source) if source is not None else None
    is_back = before is not None and before.code == "DEQUANTIZE"
    return before.inputs[0] if before is not None and is_back else source


def _pad(op: Op, links: Links) -> Tensor | None:
    pads = op.input(1)
    return op.inputs[0] if pads is not None and _is(pads, lambda x: not x.any()) else None


def _transpose(op: Op, links: Links) -> Tensor | None:
    order = op.input(1)
    keeps = order is not None and _is(order, lambda x: bool(np.all(x == np.arange(x.size))))
    return op.inputs[0] if keeps else None


def _concatenation(op: Op, links: Links) -> Tensor | None:
    alone = len(op.inputs) == 1 and op.options.get("fused_activation_function", "NONE") == "NONE"
    return op.inputs[0] if alone else None


def _is(tensor: Tensor, check: Callable[[Array], bool]) -> bool:
    return tensor.data is not None and check(tensor.data)


_RULES: dict[str, Callable[[Op, Links], Tensor | None]] = {
    "CONCATENATION": _concatenation,
    "EXPAND_DIMS": _same,
    "PAD": _pad,
    "QUANTIZE": _requantize,
    "RESHAPE": _same,
    "SQUEEZE": _same,
    "TRANSPOSE": _transpose,
}
