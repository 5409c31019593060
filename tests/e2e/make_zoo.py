"""Makes tests/e2e/zoo/*.tflite with TensorFlow: the networks of zoo_networks.py, converted.

    python tests/e2e/make_zoo.py [NAME ...]

With the TensorFlow of the lock file the same files come out again. A file is named after its
network and how it was quantized.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tinydeploy.stages.convert import convert

FOLDER = Path(__file__).with_name("zoo")
SEED = 1
SAMPLES = 16
WORDS = 50  # that a text may have
OTHERS = {"mobilenet_v3": ["float"], "resnet": ["int16x8"]}  # types besides int8


def main(wanted: Sequence[str]) -> None:
    """Make the networks `wanted`, all if there are none."""
    from zoo_networks import NETWORKS, keras

    FOLDER.mkdir(exist_ok=True)
    for name in wanted or NETWORKS:
        for quantize in ["int8", *OTHERS.get(name, [])]:
            keras.utils.clear_session()  # names begin anew
            keras.utils.set_random_seed(SEED)
            _write(keras, NETWORKS[name](), FOLDER / f"{name}_{quantize}.tflite", quantize)


def _write(keras: Any, model: Any, out: Path, quantize: str) -> None:
    _settle(model)
    samples = _samples(model)
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "model.keras"
        if all(type(layer).__module__.startswith("keras.") for layer in model.layers):
            model.save(source)
        else:  # a layer of its own can't be loaded without its class
            model.export(source.with_suffix(""), verbose=False)
            source = source.with_suffix("")
        convert(source, out, samples, quantize=quantize)
    print(f"{out.name}: {out.stat().st_size:,} bytes")


def _settle(model: Any) -> None:
    """Give batch normalization something to do, as training would."""
    rng = np.random.default_rng(SEED)
    for layer in model.layers:
        if type(layer).__name__ == "BatchNormalization":
            channels = layer.get_weights()[0].shape
            lows = (0.5, -0.3, -0.2, 0.3)  # gamma, beta, mean, variance
            layer.set_weights([rng.uniform(low, low + 0.8, channels) for low in lows])


def _samples(model: Any) -> list[Any]:
    rng = np.random.default_rng(SEED)
    return [
        rng.integers(0, WORDS, (SAMPLES, *x.shape[1:])).astype(np.int32)
        if x.dtype == "int32"
        else rng.uniform(-1, 1, (SAMPLES, *x.shape[1:])).astype(np.float32)
        for x in model.inputs
    ]


if __name__ == "__main__":
    main(sys.argv[1:])
