"""Remove reshapes before operators that look at the numbers and not at the shape."""

from __future__ import annotations

from tinydeploy.graph.ir import Model, Op, Tensor
from tinydeploy.graph.links import Links, rewrite

_RESHAPES = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")


def run(model: Model, evaluate: object = None) -> int:
    """Let readers of reshaped tensors read the tensor before, where that is the same to them."""
    return sum(rewrite(subgraph, _bypass) for subgraph in model.subgraphs)


def _bypass(op: Op, links: Links) -> int:
    source = op.inputs[0] if op.code in _RESHAPES else None
    if source is None:
        return 0
    result = op.outputs[0]
    readers = [reader for reader in links.consumers(result) if _ignores_shape(reader, result)]
    for reader in readers:
        links.set_input(reader, 0, source)
    if not links.is_output(result) and not links.consumers(result):
        links.remove(op)
    return len(readers)


def _ignores_shape(reader: Op, tensor: Tensor) -> bool:
    """A reshape reads numbers in a row; so does FULLY_CONNECTED, unless it keeps its dimensions."""
    if reader.inputs[0] is not tensor or tensor in reader.inputs[1:]:
        return False
    if reader.code == "FULLY_CONNECTED":
        return not reader.options.get("keep_num_dims") and len(reader.outputs[0].shape) == 2
    return reader.code == "RESHAPE"
