"""Detections, classifier and compressed constants against TFLM."""

from __future__ import annotations

import heapq
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from compare import Case, check, seeds
from one_op import Options, Tensor
from runner import Runner, split
from tinydeploy.judge import Judge

Rng = np.random.Generator
CASES = 15
_FIRST_BITS = 2  # of a Huffman code, by the first table


def _detection(rng: Rng) -> Case:
    boxes, classes, most = (int(n) for n in rng.integers([1, 1, 1], [60, 6, 15]))
    background = int(rng.integers(2))
    anchors = rng.uniform(0.05, 1.0, (boxes, 4))
    fields = {
        "max_detections": most,
        "max_classes_per_detection": 1,
        "num_classes": classes,
        "use_regular_nms": bool(rng.integers(2)),
        "nms_score_threshold": 0.2,
        "nms_iou_threshold": float(rng.uniform(0.1, 0.9)),
        "detections_per_class": 20,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": 5.0,
    }
    inputs = [
        Tensor((1, boxes, 4), "float32"),
        Tensor((1, boxes, classes + background), "float32"),
        Tensor((boxes, 4), "float32", data=anchors),
    ]
    shapes = [(1, most, 4), (1, most), (1, most), (1,)]
    outputs = [Tensor(shape, "float32") for shape in shapes]
    return Case("TFLite_Detection_PostProcess", inputs, outputs, ("", fields), low=-1.0, high=1.0)


def _classifier(rng: Rng) -> Case:
    classes, targets = int(rng.integers(1, 9)), int(rng.integers(1, 5))
    indices = Tensor((targets,), "int32", data=rng.integers(0, classes, targets))
    thresholds = Tensor((targets,), "int32", data=rng.integers(-50, 50, targets))
    shape = (classes,) if rng.random() < 0.5 else (1, classes)
    outputs = [Tensor((targets,), "bool"), Tensor((targets,), "int32")]
    return Case("BasicClassifier", [Tensor(shape, "int32"), indices, thresholds], outputs, ("", {}))


def _packed(codes: list[tuple[int, int]]) -> npt.NDArray[np.uint8]:
    """Numbers of some bits, the highest bit first, in whole words."""
    text = "".join(f"{code:0{bits}b}" for code, bits in codes if bits)
    text += "0" * (-len(text) % 32)
    return np.array([int(text[i : i + 8], 2) for i in range(0, len(text), 8)], np.uint8)


def _coded(
    codes: list[tuple[int, int]], head: list[int], table: npt.NDArray[Any], output: Tensor
) -> Case:
    about = np.array([*head, *[0] * (16 - len(head))], np.uint8).tobytes() + table.tobytes()
    inputs = [
        Tensor(data.shape, "uint8", data=data)
        for data in (_packed(codes), np.frombuffer(about, np.uint8))
    ]
    return Case("TFLM_DECODE", inputs, [output], ("", {}))


def _shaped(rng: Rng, dtype: str) -> tuple[Tensor, int, bool]:
    """An output, its number of channels, and whether these alternate."""
    shape = tuple(int(n) for n in rng.integers(1, 7, 3))
    axis = (None, 0, 2)[int(rng.integers(3))]
    if axis is None or dtype not in ("int8", "int16") or shape[axis] == 1:
        return Tensor(shape, dtype), 1, False
    scales = rng.uniform(0.01, 0.1, shape[axis]).tolist()
    zeros = rng.integers(-128, 128, shape[axis]).tolist() if dtype == "int8" else 0
    return Tensor(shape, dtype, scales, zeros, axis), shape[axis], axis == 2


def _values(rng: Rng, dtype: str, count: int) -> npt.NDArray[Any]:
    if dtype == "bool":
        return rng.integers(0, 2, count).astype(bool)
    return rng.integers(-128, 128, count).astype(dtype)


def _lookup(rng: Rng, dtype: str) -> Case:
    output, channels, _ = _shaped(rng, dtype)
    bits = int(rng.integers(1, 8))
    stride = 1 << bits
    if stride * channels > 2000:
        bits, stride = 3, 8
    count = int(np.prod(output.shape))
    codes = [(int(code), bits) for code in rng.integers(0, stride, count)]
    table = _values(rng, dtype, stride * channels)
    return _coded(codes, [0, 1, 0, 0, 1, bits, stride], table, output)


def _prune(rng: Rng, dtype: str) -> Case:
    output, _, _ = _shaped(rng, dtype)
    flags = rng.integers(0, 2, int(np.prod(output.shape)))
    table = _values(rng, dtype, int(flags.sum()) + 1)
    return _coded([(int(flag), 1) for flag in flags], [2, 1, 0, 0, 1], table, output)


def _code_lengths(weights: list[float]) -> list[int]:
    heap = [(weight, [i]) for i, weight in enumerate(weights)]
    lengths = [0] * len(weights)
    heapq.heapify(heap)
    while len(heap) > 1:
        (a, left), (b, right) = heapq.heappop(heap), heapq.heappop(heap)
        for symbol in left + right:
            lengths[symbol] += 1
        heapq.heappush(heap, (a + b, left + right))
    return lengths


def _tables(
    codewords: list[tuple[int, int, int]], wide: bool, dtype: str
) -> npt.NDArray[np.unsignedinteger[Any]]:
    """From (code, bits, symbol): entries of a symbol, or of the distance to the next table."""
    shift, found = (27, 1 << 31) if wide else (11, 1 << 15)
    mask = 0xFFFF if dtype == "int16" else 0xFF
    table = [0] * (1 << _FIRST_BITS)
    for prefix in range(1 << _FIRST_BITS):
        below = [
            (word & ((1 << bits - _FIRST_BITS) - 1), bits - _FIRST_BITS, symbol)
            for word, bits, symbol in codewords
            if bits > _FIRST_BITS and word >> bits - _FIRST_BITS == prefix
        ]
        if below:
            more = max(bits for _, bits, _ in below)
            table[prefix] = (more - 1) << shift | len(table) - prefix
            rows = [0] * (1 << more)
            for word, bits, symbol in below:
                for at in range(word << more - bits, (word + 1) << more - bits):
                    rows[at] = found | bits << shift | symbol & mask
            table += rows
    for word, bits, symbol in codewords:
        if bits <= _FIRST_BITS:
            for at in range(word << _FIRST_BITS - bits, (word + 1) << _FIRST_BITS - bits):
                table[at] = found | bits << shift | symbol & mask
    return np.array(table, np.uint32 if wide else np.uint16)


def _huffman(rng: Rng, dtype: str, wide: bool) -> Case:
    """A table of two bits, and one below each entry whose codes are longer."""
    output = Tensor(tuple(int(n) for n in rng.integers(1, 9, 3)), dtype)
    symbols = rng.choice(np.arange(-128, 128), 6, replace=False)
    lengths = _code_lengths([float(w) for w in 0.4 ** np.arange(6)])
    ordered = sorted(range(6), key=lambda i: lengths[i])
    code, previous, codewords = 0, 0, {}
    for i in ordered:
        code <<= lengths[i] - previous
        codewords[i], previous = (code, lengths[i]), lengths[i]
        code += 1
    table = _tables([(*codewords[i], int(symbols[i])) for i in range(6)], wide, dtype)
    drawn = rng.integers(0, 6, int(np.prod(output.shape)))
    codes = [codewords[int(i)] for i in drawn]
    return _coded(codes, [1, 1, 0, 0, 1, (_FIRST_BITS - 1) << 4 | wide], table, output)


SWEEPS: dict[str, Callable[[Rng], Case]] = {
    "classifier": _classifier,
    **{
        f"lookup_{dtype}": (lambda rng, dtype=dtype: _lookup(rng, dtype))
        for dtype in ("int8", "int16", "int32", "int64", "float32", "bool")
    },
    **{
        f"prune_{dtype}": (lambda rng, dtype=dtype: _prune(rng, dtype))
        for dtype in ("int8", "int16", "int32", "int64", "float32", "bool")
    },
    "huffman_int8": lambda rng: _huffman(rng, "int8", False),
    "huffman_wide_int8": lambda rng: _huffman(rng, "int8", True),
    "huffman_int16": lambda rng: _huffman(rng, "int16", True),
}


@pytest.mark.parametrize("name", SWEEPS)
def test_custom_operators_equal_tflm(name: str, runner: Runner) -> None:
    for rng in seeds(CASES):
        check(runner, SWEEPS[name](rng), rng)


def _boxes(rng: Rng, case: Case) -> list[npt.NDArray[np.float32]]:
    """Encodings near their anchors; scores of few values, so that many are equal."""
    boxes, scores = (tensor.shape for tensor in case.inputs[:2] if tensor is not None)
    return [
        rng.normal(0, 3, boxes).astype(np.float32),
        (rng.integers(0, 9, scores) / 8).astype(np.float32),
    ]


def test_detections_equal_tflm(runner: Runner) -> None:
    """What is beyond the number of detections is nobody's business."""
    for rng in seeds(4 * CASES):
        case = _detection(rng)
        inputs = _boxes(rng, case)
        reply = runner.run(case.model(), [inputs])
        assert reply.ok, reply.reason
        ours = split(reply.outputs, [(tensor.shape, tensor.dtype) for tensor in case.outputs])
        theirs = Judge(case.model()).run(inputs)
        assert ours[3] == theirs[3]
        count = int(ours[3][0])
        for got, expected in zip(ours[:3], theirs[:3], strict=True):
            assert np.allclose(got[0, :count], expected.reshape(got.shape)[0, :count], 1e-5, 1e-6)


def test_codes_that_lead_astray_are_an_error(sanitized: Runner) -> None:
    output = Tensor((8,), "int8")
    options: Options = ("", {})
    for kind in (0, 1, 2):
        about = np.array([kind, 1, 0, 0, 1, 0x37, 200, *[0] * 9, 1, 2], np.uint8)
        for codes in (np.full(1, 255, np.uint8), np.full(4, 255, np.uint8)):
            inputs = [Tensor(data.shape, "uint8", data=data) for data in (codes, about)]
            reply = sanitized.run(Case("TFLM_DECODE", inputs, [output], options).model(), [[]])
            assert reply.reason == "the operator refused its input"
