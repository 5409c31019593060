"""Custom operators that are no signal processing: detections, classifier, compressed constants."""

from __future__ import annotations

import numpy as np

from tinydeploy.fuzz.draw import Draw, Types
from tinydeploy.graph.ir import Type

_HEAD_BYTES = 16


def detection(draw: Draw, code: str, types: Types) -> None:
    """Class by class, which fills what is left of the outputs with zeros."""
    boxes, classes, most = draw.integer(1, 40), draw.integer(1, 5), draw.integer(1, 12)
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
        num_classes=classes, use_regular_nms=True, detections_per_class=draw.integer(1, 20),
        nms_score_threshold=0.5, nms_iou_threshold=float(draw.rng.uniform(0.1, 0.9)),
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
    """Values by table, one for all channels; pruned ones are a table and a bit each."""
    shape = draw.shape(3)
    count, bits = int(np.prod(shape)), draw.integer(1, 7)
    draw.require_size(shape)
    table = draw.values((1 << bits,), types.data)
    flags = draw.rng.integers(0, 2, count * bits).astype(np.uint8)
    codes = draw.build.constant(np.packbits(flags))
    head = np.zeros(_HEAD_BYTES, np.uint8)
    head[[1, 4, 5, 6]] = (1, 1, bits, 1 << bits)
    packed = np.frombuffer(head.tobytes() + table.tobytes(), np.uint8)
    draw.result(code, [codes, draw.build.constant(packed)], shape, types.result)


GENERATORS = {
    "BasicClassifier": classifier,
    "TFLM_DECODE": decode,
    "TFLite_Detection_PostProcess": detection,
}
