"""Custom operators that are no signal processing: detections, classifier, compressed constants."""

from __future__ import annotations

from tinydeploy.graph.ir import Op
from tinydeploy.ops.custom_options import count
from tinydeploy.ops.operator import ANY, Operator

_BOX_BYTES = 24  # corners, score, order
_DETECTION_BYTES = 12
_CODED_BYTES = 28  # how an output of TFLM_DECODE is to be read


def _boxes(op: Op) -> tuple[int, ...]:
    shape = op.operands[0].shape if op.operands else ()
    boxes = shape[1] if len(shape) > 1 else 0
    return (boxes * _BOX_BYTES + count(op, "max_detections") * _DETECTION_BYTES,)


def _coded(op: Op) -> int:
    channels = sum(
        len(output.quantization.scales) if output.quantization else 1 for output in op.outputs
    )
    return len(op.outputs) * _CODED_BYTES + channels


OPERATORS = {
    "BasicClassifier": Operator("int32 -> bool"),
    "TFLM_DECODE": Operator(ANY, trailing=_coded),
    "TFLite_Detection_PostProcess": Operator("float32", scratch=_boxes),
}
