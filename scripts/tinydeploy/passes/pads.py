"""Fold PAD into the convolution after it, where SAME padding adds just the same border."""

from __future__ import annotations

from tinydeploy.graph.ir import Model, Op, Tensor
from tinydeploy.graph.links import Links, rewrite
from tinydeploy.ops.shape_rules import window_size

_CONVOLUTIONS = ("CONV_2D", "DEPTHWISE_CONV_2D")


def run(model: Model, evaluate: object = None) -> int:
    """Let a convolution with VALID padding after a PAD read the PAD's input with SAME padding.

    The border counts as real zero in both: PAD fills with the zero point, the kernels skip it.
    """
    return sum(rewrite(subgraph, _fold) for subgraph in model.subgraphs)


def _fold(pad: Op, links: Links) -> bool:
    if pad.code != "PAD" or links.is_output(pad.outputs[0]):
        return False
    source, readers = pad.inputs[0], links.consumers(pad.outputs[0])
    if source is None or not readers or not _keeps_meaning(source, pad.outputs[0]):
        return False
    if not all(_adds_the_same(reader, source, pad) for reader in readers):
        return False
    for reader in readers:
        links.set_input(reader, 0, source)
        reader.options = {**reader.options, "padding": "SAME"}
    links.remove(pad)
    return True


def _keeps_meaning(source: Tensor, padded: Tensor) -> bool:
    before, after = source.quantization, padded.quantization
    return before.same(after) if before is not None else after is None


def _adds_the_same(reader: Op, source: Tensor, pad: Op) -> bool:
    pads = pad.input(1)
    if reader.code not in _CONVOLUTIONS or reader.inputs[0] is not pad.outputs[0]:
        return False
    if reader.options.get("padding") != "VALID" or pads is None or pads.data is None:
        return False
    batch, rows, columns, depth = pads.data.reshape(-1, 2).tolist()
    if any(batch) or any(depth):
        return False
    return [rows, columns] == [_same_border(reader, source, axis) for axis in (1, 2)]


def _same_border(reader: Op, source: Tensor, axis: int) -> list[int]:
    """What SAME adds before and after along one axis; the odd one goes after."""
    side = "hw"[axis - 1]
    window = reader.operands[1].shape[axis]
    stride = reader.options[f"stride_{side}"]
    dilation = reader.options.get(f"dilation_{side}_factor", 1)
    size = source.shape[axis]
    count = window_size(size, window, stride, dilation, "SAME")
    total = max((count - 1) * stride + (window - 1) * dilation + 1 - size, 0)
    return [total // 2, total - total // 2]
