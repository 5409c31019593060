"""Reports with invented figures, shaped like those of a keyword spotter and of a regressor."""

from __future__ import annotations

import math

from tinydeploy.report.model import (
    Accuracy,
    BoardInfo,
    Buffer,
    Curve,
    Cycles,
    Energy,
    MemoryMap,
    ModelInfo,
    OpProfile,
    Parity,
    Report,
    Section,
    Size,
    StageTiming,
    TensorInfo,
)

NANO33 = BoardInfo("Arduino Nano 33 BLE Sense", "nRF52840", 64_000_000, 851_968, 262_144)

_PLANE = 8000  # bytes of a 25x5x64 activation
_OPS = (
    ("CONV_2D", (1, 25, 5, 64), 320_000, 1_408_000.0),
    ("DEPTHWISE_CONV_2D", (1, 25, 5, 64), 72_000, 671_040.0),
    ("CONV_2D", (1, 25, 5, 64), 512_000, 1_274_880.0),
    ("DEPTHWISE_CONV_2D", (1, 25, 5, 64), 72_000, 671_040.0),
    ("CONV_2D", (1, 25, 5, 64), 512_000, 1_274_880.0),
    ("DEPTHWISE_CONV_2D", (1, 25, 5, 64), 72_000, 671_040.0),
    ("CONV_2D", (1, 25, 5, 64), 512_000, 1_274_880.0),
    ("AVERAGE_POOL_2D", (1, 1, 1, 64), None, 41_210.0),
    ("RESHAPE", (1, 64), None, 212.0),
    ("FULLY_CONNECTED", (1, 4), 256, 1_980.0),
    ("SOFTMAX", (1, 4), None, 1_420.0),
)
_PARITY = Parity(
    vectors=400,
    mismatching_bytes=0,
    bytes_compared=1600,
    judge_version="0.dev20261023182759",
    build_id="5f1c9b2e",
    model_sha256="9f2c" * 16,
    firmware_sha256="41ab" * 16,
    vectors_sha256="c0de" * 16,
    outputs_sha256="77e0" * 16,
)
_ACCURACY = Accuracy(
    device=0.9375,
    host=0.9375,
    float_model=0.94,
    samples=400,
    labels=("silence", "unknown", "yes", "no"),
    confusion=((98, 2, 0, 0), (1, 91, 5, 3), (0, 6, 94, 0), (0, 8, 0, 92)),
    data="synthetic voices that were not trained on",
)
_SIZE = Size(
    flash_bytes=88_412,
    model_bytes=44_872,
    ram_bytes=4_212,
    arena_bytes=18_944,
    stack_bytes=872,
    arena_reserved_bytes=18_944,
    stack_reserved_bytes=8_192,
    flash_sections=(
        Section("model", 44_872),
        Section("kernels", 21_960),
        Section("runtime", 9_870),
        Section("drivers and link", 7_610),
        Section("C library", 4_100),
    ),
)


def keyword_spotter() -> Report:
    """Everything is filled in, and every byte agrees."""
    rows = tuple(
        OpProfile(i, op, shape, cycles, macs, f"ds_cnn/layer_{i}/{op.lower()}")
        for i, (op, shape, macs, cycles) in enumerate(_OPS)
    )
    overhead = 640.0
    mean = sum(row.cycles for row in rows) + overhead
    return Report(
        model=ModelInfo(
            name="kws",
            title="Keyword spotting: yes, no",
            source="models/kws/kws.tflite",
            inputs=(TensorInfo("input", (1, 49, 40, 1), "int8", 0.101_961, -128),),
            outputs=(TensorInfo("Identity", (1, 4), "int8", 0.003_906_25, -128),),
            macs=2_072_256,
            parameters=23_756,
            keras_bytes=412_160,
            float_bytes=99_120,
            int8_bytes=44_872,
        ),
        board="nano33",
        engine="interpreter",
        target="simulator",
        board_info=NANO33,
        parity=_PARITY,
        accuracy=_ACCURACY,
        cycles=Cycles(mean, mean - 910, mean + 1240, rows, overhead, "modelled Cortex-M4"),
        size=_SIZE,
        memory=MemoryMap(_buffers(), 2 * _PLANE + 1_280, 1_664, tuple(op for op, *_ in _OPS)),
        energy=Energy(155.0, mean * 155e-6, "nRF52840 product specification, 52 µA/MHz at 3 V"),
        stages=(
            StageTiming("train", 0.0, cached=True),
            StageTiming("convert", 0.0, cached=True),
            StageTiming("compile", 0.212),
            StageTiming("build", 1.934),
            StageTiming("verify", 3.41),
        ),
        versions={"tflite-micro": "0.dev20261023182759", "ziglang": "0.17.0", "unicorn": "2.1.4"},
        hashes={"model.tflite": "9f2c" * 16, "firmware.bin": "41ab" * 16},
        command="python scripts/deploy.py --board nano33 --model kws",
        created="2026-11-20T23:50:00Z",
    )


def sine() -> Report:
    """A regressor: an error in place of an accuracy, a curve in place of a confusion matrix."""
    x = tuple(2 * math.pi * i / 99 for i in range(100))
    expected = tuple(math.sin(value) for value in x)
    device = tuple(round((math.sin(value) + 0.02 * math.cos(5 * value)) * 120) / 120 for value in x)
    rows = tuple(
        OpProfile(i, "FULLY_CONNECTED", (1, n), c, m)
        for i, (n, m, c) in enumerate(((16, 16, 1210.0), (16, 256, 2950.0), (1, 16, 410.0)))
    )
    return Report(
        model=ModelInfo("sine", "Sine of an angle", "models/sine/sine.tflite", int8_bytes=3_184),
        board="nano33",
        engine="interpreter",
        target="device",
        board_info=NANO33,
        parity=Parity(100, 0, 100, judge_version="0.dev20261023182759"),
        accuracy=Accuracy(
            "mean absolute error", 0.021, 0.021, 0.017, 100, curve=Curve(x, expected, device)
        ),
        cycles=Cycles(4720.0, per_op=rows, overhead=150.0, source="DWT cycle counter"),
        size=Size(30_120, 3_184, 4_100, 1_168, 640),
        memory=MemoryMap(
            (
                Buffer("x", 0, 1, 0, 0, "input"),
                Buffer("a", 16, 16, 0, 1),
                Buffer("b", 0, 16, 1, 2),
                Buffer("y", 16, 1, 2, 2, "output"),
            ),
            32,
            1_136,
            ("FULLY_CONNECTED",) * 3,
        ),
    )


def failed() -> Report:
    """Three bytes differ; nothing that is optional was measured."""
    return Report(
        model=ModelInfo('<b>odd</b> & "name"'),
        board="sparkfun_edge",
        engine="interpreter",
        target="simulator",
        board_info=BoardInfo("SparkFun Edge", "Apollo3 Blue", 48_000_000, 966_656, 393_216),
        parity=Parity(
            100, 3, 1200, first_mismatch="vector 12, output 0, byte 3: op 4 CONV_2D differs first"
        ),
        cycles=Cycles(1.5e6),
        size=Size(61_000, 20_000, 3_000, 9_000, 700),
    )


def _buffers() -> tuple[Buffer, ...]:
    """Activations take turns at the two ends of the arena."""
    buffers = [Buffer("input", _PLANE, 1_960, 0, 0, "input")]
    for op in range(7):
        buffers.append(Buffer(f"layer_{op}", (op % 2) * _PLANE, _PLANE, op, op + 1))
    buffers += [
        Buffer("pool", _PLANE, 64, 7, 8),
        Buffer("flat", 0, 64, 8, 9),
        Buffer("logits", 64, 4, 9, 10),
        Buffer("scores", 0, 4, 10, 10, "output"),
        Buffer("im2col", 2 * _PLANE, 1_280, 2, 2, "scratch"),
    ]
    return tuple(buffers)
