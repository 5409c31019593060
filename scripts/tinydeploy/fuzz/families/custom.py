"""Custom operators that are no signal processing: detections, classifier, compressed constants."""

from __future__ import annotations

import numpy as np

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.graph.ir import Array, Type

_HEAD_BYTES = 16


def detection(draw: Draw, code: str, types: Types) -> None:
    """Class by class, which fills what is left of the outputs with zeros, or all at once.

    That leaves there what it finds: so many boxes are found that nothing is left.
    """
    boxes, classes, most = draw.integer(1, 40), draw.integer(1, 5), draw.integer(1, 12)
    by_class, overlap, least = draw.chance(0.6), float(draw.rng.uniform(0.1, 0.9)), 0.5
    if not by_class:
        least, most = -1000.0, draw.pick((1, min(most, boxes)))
        overlap = overlap if most == 1 else 1.0  # nothing is silenced
    anchors = draw.rng.uniform(0.05, 1.0, (boxes, 4)).astype(np.float32)
    inputs = [
        draw.source(types.data, shape=(1, boxes, 4)),
        draw.source(types.data, shape=(1, boxes, classes + draw.integer(0, 1))),
        draw.build.constant(anchors),
    ]
    shapes = ((1, most, 4), (1, most), (1, most), (1,))
    outputs = [draw.build.tensor(shape, types.result) for shape in shapes]
    draw.results(
        code, inputs, outputs, max_detections=most, max_classes_per_detection=1,
        num_classes=classes, use_regular_nms=by_class, detections_per_class=draw.integer(1, 20),
        nms_score_threshold=least, nms_iou_threshold=overlap,
        y_scale=10.0, x_scale=10.0, h_scale=5.0, w_scale=5.0,
    )  # fmt: skip


def classifier(draw: Draw, code: str, types: Types) -> None:
    """Constant targets and thresholds."""
    x = draw.source(types.data, (1,), most=9)
    targets = draw.integer(1, 5)
    indices = draw.numbers(draw.rng.integers(0, x.shape[0], targets))
    thresholds = draw.numbers(draw.rng.integers(-50, 50, targets))
    outputs = [draw.build.tensor((targets,), kind) for kind in (types.result, Type.INT32)]
    draw.results(code, [x, indices, thresholds], outputs)


def decode(draw: Draw, code: str, types: Types) -> None:
    """Values by table, by Huffman's codes, or a bit each that says whether there is one."""
    shape = draw.shape(3)
    draw.require_size(shape)
    kinds = [_lookup, _pruned, *[_huffman] * (types.result in (Type.INT8, Type.INT16))]
    codes, head, table = draw.pick(kinds)(draw, int(np.prod(shape)), types.data)
    about = np.zeros(_HEAD_BYTES, np.uint8)
    about[: len(head)] = head
    inputs = [_packed(codes), np.frombuffer(about.tobytes() + table.tobytes(), np.uint8)]
    draw.result(code, [draw.build.constant(data) for data in inputs], shape, types.result)


Codes = list[tuple[int, int]]  # numbers and how many bits each has


def _packed(codes: Codes) -> Array:
    """The highest bit first, in whole words."""
    text = "".join(f"{value:0{bits}b}" for value, bits in codes)
    text += "0" * (-len(text) % 32)
    return np.packbits(np.array([int(bit) for bit in text], np.uint8))


def _lookup(draw: Draw, count: int, kind: Type) -> tuple[Codes, list[int], Array]:
    """One table for all channels."""
    bits = draw.integer(1, 7)
    codes = [(int(code), bits) for code in draw.rng.integers(0, 1 << bits, count)]
    return codes, [0, 1, 0, 0, 1, bits, 1 << bits], draw.values((1 << bits,), kind)


def _pruned(draw: Draw, count: int, kind: Type) -> tuple[Codes, list[int], Array]:
    flags = draw.rng.random(count) < draw.pick((0.1, 0.5, 0.9))
    table = draw.values((int(flags.sum()) + 1,), kind)
    return [(int(flag), 1) for flag in flags], [2, 1, 0, 0, 1], table


def _huffman(draw: Draw, count: int, kind: Type) -> tuple[Codes, list[int], Array]:
    """Three symbols of two bits; after two zeros others of `more` bits, in a table below."""
    wide, more = kind is Type.INT16 or draw.chance(0.5), draw.integer(1, 5)
    shift = 27 if wide else 11
    mask, found = (0xFFFF if kind is Type.INT16 else 0xFF), 1 << (shift + 4)
    words = [(prefix, 2) for prefix in (1, 2, 3)] + [(last, 2 + more) for last in range(1 << more)]
    symbols = [int(value) & mask for value in draw.values((len(words),), kind)]
    table = [(more - 1) << shift | 4, *(found | 2 << shift | symbol for symbol in symbols[:3])]
    table += [found | more << shift | symbol for symbol in symbols[3:]]
    codes = [words[int(at)] for at in draw.rng.integers(0, len(words), count)]
    head = [1, 1, 0, 0, 1, 1 << 4 | wide]
    return codes, head, np.array(table, np.uint32 if wide else np.uint16)


GENERATORS = {
    "BasicClassifier": classifier,
    "TFLM_DECODE": decode,
    "TFLite_Detection_PostProcess": detection,
}
