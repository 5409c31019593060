"""Networks of the sizes that people deploy, with random layers: what the fit is made of, besides
the small cases of the fuzzer."""

from __future__ import annotations

import numpy as np

from tinydeploy.bench.network import Network
from tinydeploy.fuzz.cases import RUNS, Case
from tinydeploy.graph.ir import Model, Type
from tinydeploy.graph.write_tflite import dump

_CHANNELS = (3, 4, 6, 8, 10, 12, 16, 20, 24, 32, 40, 48, 64, 80, 96, 128)
_MOST_MACS = 2_000_000


def case(seed: int, number: int) -> Case:
    """Network `number`."""
    rng = np.random.default_rng([seed, number, 7])
    model = _network(rng, number)
    data = dump(model)
    name = f"layers {number}"
    limits = [np.iinfo(t.type.dtype) for t in model.main.inputs]
    inputs = [
        [
            rng.integers(limit.min, limit.max + 1, t.shape).astype(t.type.dtype)
            for t, limit in zip(model.main.inputs, limits, strict=True)
        ]
        for _ in range(RUNS)
    ]
    return Case(number, name, name, model, data, inputs)


def _network(rng: np.random.Generator, number: int) -> Model:
    if number % 8 == 2:
        return _stream(rng)
    kind = Type.INT16 if number % 4 == 3 else Type.INT8
    zero = 0 if kind is Type.INT16 else int(rng.integers(-128, 128))
    if number % 5 == 4:
        return _dense(rng, kind, zero)
    return _image(rng, kind, zero)


def _dense(rng: np.random.Generator, kind: Type, zero: int) -> Model:
    net = Network((1, int(rng.integers(8, 700))), 0.1, zero, int(rng.integers(1 << 30)), kind)
    for _ in range(int(rng.integers(1, 5))):
        net.dense(int(rng.integers(2, 200)), _pick(rng, ("NONE", "RELU", "RELU6")))
    return net.model()


def _stream(rng: np.random.Generator) -> Model:
    """Steps of a network that keeps the rows that it needs again."""
    new = int(rng.integers(1, 4))
    net = Network((1, new, 1, _pick(rng, _CHANNELS)), 0.1, -128, int(rng.integers(1 << 30)))
    for index in range(int(rng.integers(1, 5))):
        rows = int(rng.integers(1, 24))
        net.stream(f"rows_{index}", rows)
        net.depthwise((rows + 1, 1), 1, padding="VALID")
        net.conv(_pick(rng, _CHANNELS), 1, 1, "RELU")
    return net.model()


def _image(rng: np.random.Generator, kind: Type, zero: int) -> Model:
    is_line = rng.random() < 0.25
    height = 1 if is_line else int(rng.integers(4, 49))
    width, channels = int(rng.integers(4, 49)), _pick(rng, (1, 2, *_CHANNELS[:8]))
    shape = (1, height, width, channels)
    net = Network(shape, 0.05, zero, int(rng.integers(1 << 30)), kind)
    work = 0
    for _ in range(int(rng.integers(2, 7))):
        (mark, _), activation = net.mark(), _pick(rng, ("NONE", "RELU", "RELU6"))
        _, rows, columns, depth = mark.shape
        stride = _pick(rng, (1, 1, 2))
        size = _pick(rng, (1, 1, 3, 3, 5))
        window = (1 if is_line else size, size)
        if rng.random() < 0.4:
            net.depthwise(window, stride, activation)
            work += rows * columns * depth * size * size
        elif rng.random() < 0.2 and kind is Type.INT8:
            before = net.mark()
            net.conv(depth, window, 1, activation)
            net.add(before, activation)
            work += rows * columns * depth * depth * size * size
        else:
            out = _pick(rng, _CHANNELS)
            net.conv(out, window, stride, activation)
            work += rows * columns * depth * out * size * size // stride**2
        if work > _MOST_MACS:
            break
    _, rows, columns, depth = net.mark()[0].shape
    if rng.random() < 0.5:
        net.average_pool((rows, columns))
        net.reshape((1, depth))
        net.dense(int(rng.integers(2, 20)))
        if kind is Type.INT8:
            net.softmax()
    return net.model()


def _pick(rng: np.random.Generator, values):  # type: ignore[no-untyped-def]
    return values[int(rng.integers(len(values)))]
