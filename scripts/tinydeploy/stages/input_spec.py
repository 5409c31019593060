"""What the inputs and outputs of a model want of test data."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from tinydeploy.graph.ir import Model, Tensor
from tinydeploy.ops.indices import index_limit
from tinydeploy.stages.labels import Answers

_PREFIX = "serving_default_"  # what TensorFlow's converter puts before the name of an input


@dataclass(frozen=True)
class InputSpec:
    """What one model input wants.

    Attributes:
        rows: of the table that the numbers are places in, None if they are none.
        scale, zero_point: real = scale * (stored - zero_point); None where nothing is quantized.
        aliases: names that the input goes by beside `name`.
    """

    name: str
    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    rows: int | None = None
    scale: float | None = None
    zero_point: int = 0
    aliases: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of one vector's share, bytes."""
        return int(np.prod(self.shape, dtype=np.int64)) * self.dtype.itemsize

    @property
    def label(self) -> str:
        """The name that a user knows it by."""
        return (self.aliases or (self.name,))[0]

    @property
    def names(self) -> tuple[str, ...]:
        """All names, the user's first."""
        return tuple(dict.fromkeys((*self.aliases, self.name)))


def input_specs(model: Model) -> list[InputSpec]:
    """What the model's main subgraph wants as inputs."""
    return [_spec(model, tensor) for tensor in model.main.inputs]


def answers(model: Model, names: tuple[str, ...], is_regression: bool | None) -> Answers:
    """What the model answers with.

    Args:
        names: of the classes, () where they are not known.
        is_regression: as its recipe says; None for a model without one.
    """
    output = model.main.outputs[0]
    producer = model.main.producer(output)
    while producer is not None and producer.code in ("QUANTIZE", "DEQUANTIZE", "RESHAPE"):
        source = producer.input(0)
        producer = model.main.producer(source) if source is not None else None
    is_binary = output.size == 1 and producer is not None and producer.code == "LOGISTIC"
    return Answers(output.size, names, is_regression, is_binary and not is_regression)


def _spec(model: Model, tensor: Tensor) -> InputSpec:
    quantization = tensor.quantization if tensor.type.dtype.kind in "iu" else None
    by_signature = (
        name
        for signature in model.signatures
        for name, named in signature.inputs.items()
        if named is tensor and name
    )
    bare = tensor.name.split(":")[0]
    return InputSpec(
        tensor.name,
        tensor.shape,
        tensor.type.dtype,
        index_limit(model.main, tensor),
        None if quantization is None else float(quantization.scales[0]),
        0 if quantization is None else quantization.zero_point,
        tuple(dict.fromkeys((*by_signature, bare.removeprefix(_PREFIX), bare))),
    )
