"""What a training leaves, before it is quantized and judged."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinydeploy.models import Dataset, ModelSpec


@dataclass(frozen=True)
class TrainedModel:
    """A trained float model.

    Attributes:
        keras: the .keras file, with a batch of 1.
        history: per epoch, what Keras measured: "loss", "val_loss", ...
    """

    spec: ModelSpec
    variant: str
    keras: Path
    dataset: Dataset
    seed: int
    epochs: int
    history: dict[str, list[float]]
    parameters: int
