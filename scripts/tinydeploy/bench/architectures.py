"""Well-known models with seeded random weights, where the trained ones are not at hand.

Cycles and memory depend on shapes, quantization and zeros alone, so these stand for the real ones:
MLPerf Tiny's visual wake words (vww), image classification (ic) and anomaly detection (ad), TFLM's
person_detect, and a streaming wake word net. Layers, fused activations and zero points are those of
the published files.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from tinydeploy import whole
from tinydeploy.bench.network import Network
from tinydeploy.graph.ir import Model, Type
from tinydeploy.graph.write_tflite import dump

SEED = 20
# (stride, output channels) of the thirteen depthwise-separable blocks of MobileNetV1 0.25.
_BLOCKS = (
    (1, 16),
    (2, 32),
    (1, 32),
    (2, 64),
    (1, 64),
    (2, 128),
    *((1, 128),) * 5,
    (2, 256),
    (1, 256),
)
# Live channels that leave as many weights (32,264), MACs (3.79 M) and constant channels (1,651) as
# the published vww has: what is late in the network has died.
_LIVE = (16, 32, 32, 64, 64, *(51,) * 6, 50, 38)  # fmt: skip


def vww(dead: bool = False) -> Model:
    """Visual wake words: MobileNetV1 0.25, 96x96x3, two classes.

    Args:
        dead: give it as many dead channels as the published one has.
    """
    net = Network((1, 96, 96, 3), 1 / 255, -128, SEED)
    net.conv(8, 3, 2, "RELU")
    for index, (stride, channels) in enumerate(_BLOCKS):
        before = _LIVE[index - 1] if dead and index else None
        net.depthwise(3, stride, "RELU", live=before)
        net.conv(channels, 1, 1, "RELU", live=_LIVE[index] if dead else None)
    net.average_pool(3)
    net.reshape((1, 256))
    net.dense(2, spread=True)
    net.softmax()
    return net.model()


def person_detect() -> Model:
    """TFLM's person detection: the same on 96x96 grey. One channel makes the first layer depthwise.

    Every activation is ReLU6 in steps of 6 / 255.
    """
    net = Network((1, 96, 96, 1), 1 / 128, 0, SEED)
    net.depthwise(3, 2, "RELU6", multiplier=8)
    for stride, channels in _BLOCKS:
        net.depthwise(3, stride, "RELU6")
        net.conv(channels, 1, 1, "RELU6")
    net.average_pool(3)
    net.conv(2, 1, 1)
    net.reshape((1, 2))
    net.softmax()
    return net.model()


def ic() -> Model:
    """Image classification: ResNet-8 on 32x32x3, ten classes."""
    net = Network((1, 32, 32, 3), 1.0, -128, SEED)
    net.conv(16, 3, 1, "RELU")
    for stride, channels in ((1, 16), (2, 32), (2, 64)):
        block = net.mark()
        net.conv(channels, 3, stride, "RELU")
        net.conv(channels, 3, 1)
        main = net.mark()
        net.go_back(block)
        if stride != 1:
            net.conv(channels, 1, stride)
        net.add(main, "RELU")
    net.average_pool(8)
    net.reshape((1, 64))
    net.dense(10, spread=True)
    net.softmax()
    return net.model()


def ad() -> Model:
    """Anomaly detection: autoencoder over 640 spectrogram bins."""
    net = Network((1, 640), 0.39, 89, SEED)
    for units in (128, 128, 128, 128, 8, 128, 128, 128, 128):
        net.dense(units, "RELU")
    net.dense(640)
    return net.model()


def ds_cnn_int16() -> Model:
    """MLPerf Tiny's keyword spotting, DS-CNN on 49x10 features, in int16 up to the logits."""
    net = Network((1, 49, 10, 1), 1 / 256, 0, SEED, Type.INT16)
    net.conv(64, (10, 4), 2, "RELU")
    for _ in range(4):
        net.depthwise(3, 1, "RELU")
        net.conv(64, 1, 1, "RELU")
    net.average_pool((25, 5))
    net.reshape((1, 64))
    net.dense(12, spread=True)
    return net.model()


def wake_word() -> Model:
    """A streaming wake word net as microWakeWord trains them: MixedNet without its branches.

    A step takes three frames of 40 features; every layer keeps the rows that it needs again.
    """
    net = Network((1, 3, 1, 40), 0.1, -128, SEED)
    net.stream("features", 2)
    net.conv(64, (5, 1), 1, "RELU", padding="VALID")
    for rows in (5, 9, 13, 21):
        net.stream(f"rows_{rows}", rows - 1)
        net.depthwise((rows, 1), 1, padding="VALID")
        net.conv(64, 1, 1, "RELU")
    net.reshape((1, 64))
    net.dense(1, spread=True)
    net.logistic()
    return net.model()


BUILDERS: Mapping[str, Callable[[], Model]] = {
    "vww": lambda: vww(dead=True),
    "vww_dense": vww,
    "ic": ic,
    "ad": ad,
    "person_detect": person_detect,
    "ds_cnn_int16": ds_cnn_int16,
    "wake_word": wake_word,
}


def write(name: str, folder: Path) -> Path:
    """The .tflite of an architecture, written only if it is not there as it should be."""
    path, data = folder / f"{name}.tflite", dump(BUILDERS[name]())
    folder.mkdir(parents=True, exist_ok=True)
    if not path.is_file() or path.read_bytes() != data:
        whole.write(path, data)
    return path
