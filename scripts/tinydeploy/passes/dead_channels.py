"""Remove channels that are always the same, or that nothing depends on.

A channel with all-zero weights has one value, which its bias decides. Its readers can as well have
it in their bias: exact, because the sum is of integers. It must have that value everywhere the
reader looks, so not at the edge of a padded image, unless it is real zero. What only dead channels
read is dead too. MobileNets trained with weight decay lose half of their work this way.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy import bounds
from tinydeploy.graph.ir import Model, Op, Quantization, Subgraph, Tensor, Type
from tinydeploy.ops.channels import (
    Constants,
    constant_channels,
    foldable,
    mixes,
    source_of,
    taps,
    zero_point,
)

Keep = dict[Tensor, set[int]]
MOST_SWEEPS = 20  # networks take two
_INT32 = np.iinfo(np.int32)


def run(model: Model, evaluate: Callable[[bytes, Sequence[Any]], list[Any] | None]) -> int:
    """Remove dead channels; how many."""
    return sum(_shrink(subgraph, evaluate) for subgraph in model.subgraphs)


def _shrink(
    subgraph: Subgraph, evaluate: Callable[[bytes, Sequence[Any]], list[Any] | None]
) -> int:
    if sum(_channels(t) for t in subgraph.tensors if not t.is_constant) > bounds.CHANNELS:
        return 0
    constants = constant_channels(subgraph, evaluate)
    keep = _kept(subgraph, constants)
    if keep is None:
        return 0
    gone = {t: t.shape[-1] - len(kept) for t, kept in keep.items() if len(kept) < t.shape[-1]}
    if not gone or not _biases_fit(subgraph, constants, keep):
        return 0
    for op in subgraph.ops:
        _rewrite(op, constants, keep)
    for tensor in gone:
        tensor.shape = (*tensor.shape[:-1], len(keep[tensor]))
    subgraph.tensors = _all_tensors(subgraph)
    return sum(gone.values())


def _all_tensors(subgraph: Subgraph) -> list[Tensor]:
    used = [*subgraph.inputs, *(t for op in subgraph.ops for t in [*op.operands, *op.outputs])]
    order = {tensor: index for index, tensor in enumerate(subgraph.tensors)}
    return sorted(dict.fromkeys(used), key=lambda tensor: order.get(tensor, len(order)))


# ---- What has to stay: from the outputs backward, until nothing more is found. ----


def _channels(tensor: Tensor) -> int:
    return tensor.shape[-1] if tensor.shape else 0


def _touched(subgraph: Subgraph) -> set[Tensor]:
    """Tensors whose channels are looked at one by one."""
    looked_at = (op for op in subgraph.ops if mixes(op) or source_of(op) is not None)
    return {tensor for op in looked_at for tensor in (op.operands[0], op.outputs[0])}


def _kept(subgraph: Subgraph, constants: Constants) -> Keep | None:
    """Channels that stay, of the tensors that could lose some; None: it takes too long to tell."""
    keep: Keep = defaultdict(set)
    touched = _touched(subgraph)
    rules = [_demand(op, constants.get(op.operands[0], {})) for op in subgraph.ops if op.operands]
    for tensor in touched.intersection(_fixed(subgraph)):
        keep[tensor] = set(range(_channels(tensor)))
    for _ in range(MOST_SWEEPS):
        before = sum(map(len, keep.values()))
        for rule in (*reversed(rules), *rules):
            rule(keep)
        if sum(map(len, keep.values())) == before:
            return {t: kept for t, kept in keep.items() if t.shape and not t.is_constant}
    return None


def _fixed(subgraph: Subgraph) -> Iterable[Tensor]:
    """Tensors that keep their shape: the model's ends, and those of other operators."""
    yield from subgraph.inputs
    yield from subgraph.outputs
    for op in subgraph.ops:
        if not mixes(op) and source_of(op) is None:
            yield from [*op.operands, *op.outputs, *op.intermediates]


def _demand(op: Op, before: dict[int, int]) -> Callable[[Keep], None]:
    """What keeping some channels of `op` asks of its others."""
    if mixes(op):
        return _mixing_demand(op, before)
    sources = source_of(op)
    return _copying_demand(op, sources) if sources is not None else lambda keep: None


def _mixing_demand(op: Op, before: dict[int, int]) -> Callable[[Keep], None]:
    source, result = op.operands[0], op.outputs[0]
    reads: npt.NDArray[np.bool_] = np.any(taps(op) != 0, axis=2)
    reads[:, sorted(foldable(op, before))] = False

    def demand(keep: Keep) -> None:
        keep[result] |= set() if keep[result] else {0}
        used = reads[sorted(keep[result])].any(axis=0)
        keep[source] |= {int(channel) for channel in np.flatnonzero(used)}
        keep[source] |= set() if keep[source] else {0}

    return demand


def _copying_demand(op: Op, sources: list[int]) -> Callable[[Keep], None]:
    source, result = op.operands[0], op.outputs[0]

    def demand(keep: Keep) -> None:
        keep[source] |= {sources[out] for out in keep[result]} or {0}
        keep[result] |= {out for out, origin in enumerate(sources) if origin in keep[source]}

    return demand


# ---- The rewrite. ----


def _biases_fit(subgraph: Subgraph, constants: Constants, keep: Keep) -> bool:
    sums = [_bias(op, constants, keep) for op in subgraph.ops if mixes(op)]
    return all(((values >= _INT32.min) & (values <= _INT32.max)).all() for values in sums)


def _bias(op: Op, constants: Constants, keep: Keep) -> npt.NDArray[np.int64]:
    """Biases of the kept output channels, with the removed constant inputs in them."""
    source, result = op.operands[0], op.outputs[0]
    kept = sorted(keep[result])
    bias = op.input(2)
    total = np.zeros(len(kept), np.int64)
    if bias is not None and bias.data is not None:
        total += bias.data.reshape(-1)[kept]
    weights = taps(op)[kept].sum(axis=2, dtype=np.int64)
    for channel, value in constants.get(source, {}).items():
        if channel not in keep[source]:
            total += weights[:, channel] * (value - zero_point(source))
    return total


def _rewrite(op: Op, constants: Constants, keep: Keep) -> None:
    if not op.operands or not op.operands[0].shape or op.outputs[0] not in keep:
        return
    source, result = op.operands[0], op.outputs[0]
    inputs, outputs = sorted(keep.get(source, ())), sorted(keep[result])
    if len(inputs) == source.shape[-1] and len(outputs) == result.shape[-1]:
        return
    if mixes(op):
        bias = _bias(op, constants, keep)
        op.inputs = [source, _mixing_weights(op, inputs, outputs), _new_bias(op, bias, outputs)]
    elif op.code == "DEPTHWISE_CONV_2D":
        op.inputs[1:] = [t and _take(t, outputs, -1) for t in op.inputs[1:]]
    elif op.code == "RESHAPE":
        shape = np.array((*result.shape[:-1], len(outputs)), np.int32)
        name = f"{result.name}/shape"
        op.inputs = [source, Tensor(name, Type.INT32, shape.shape, shape)]
        op.options = {**op.options, "new_shape": shape.tolist()}


def _mixing_weights(op: Op, inputs: list[int], outputs: list[int]) -> Tensor:
    weights = _take(op.operands[1], outputs, 0)
    depth = op.operands[0].shape[-1]
    columns = [c for c in range(weights.shape[-1]) if c % depth in set(inputs)]
    return _take(weights, columns, -1, scaled=False)


def _new_bias(op: Op, values: npt.NDArray[np.int64], outputs: list[int]) -> Tensor | None:
    old = op.input(2)
    if old is not None:
        taken = _take(old, outputs, -1)
        taken.data = values.astype(np.int32).reshape(taken.shape)
        return taken
    if not values.any():
        return None
    weights = op.operands[1].quantization
    source = op.operands[0].quantization
    if weights is None or source is None:
        scales = np.ones(1, np.float32)
    else:
        scales = (weights.scales * source.scales[0]).astype(np.float32)
        scales = scales[outputs] if len(scales) > 1 else scales
    quantization = Quantization(scales, np.zeros(len(scales), np.int64))
    name = f"{op.outputs[0].name}/bias"
    return Tensor(name, Type.INT32, values.shape, values.astype(np.int32), quantization)


def _take(tensor: Tensor, channels: list[int], axis: int, *, scaled: bool = True) -> Tensor:
    """A constant with some of its channels along `axis`, as a new tensor.

    Args:
        scaled: whether several scales are those of these channels. The axis that the file names is
            not asked: files have wrong ones, and TFLM knows from the operator which it is.
    """
    assert tensor.data is not None
    data = np.ascontiguousarray(np.take(tensor.data, channels, axis))
    quantization = tensor.quantization
    if quantization is not None and scaled and len(quantization.scales) == tensor.shape[axis] > 1:
        kept = quantization.scales[channels], quantization.zero_points[channels]
        quantization = Quantization(*kept, quantization.axis)
    return Tensor(tensor.name, tensor.type, data.shape, data, quantization)
