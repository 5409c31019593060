"""Fixed figures of the peers, under the same cycle model (measured 2026-11-20, GNU Arm 12.2, -O2).

TFLM's figures are of an image with a harness of 728 bytes and no link. A model is recognised by its
multiply-accumulates, which differ between all of them.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Peer:
    """TFLM with CMSIS-NN on one model; bytes and cycles."""

    model: str
    macs: int
    cycles: int
    flash_bytes: int
    flash_without_model_bytes: int
    arena_bytes: int
    ram_bytes: int


TFLM_CMSIS_NN = (
    Peer("MLPerf Tiny kws", 2_656_768, 9_307_747, 110_084, 56_148, 22_832, 23_380),
    Peer("MLPerf Tiny ad", 264_192, 726_631, 307_340, 30_364, 3_024, 3_288),
    Peer("MLPerf Tiny ic", 12_501_632, 36_790_166, 152_416, 53_920, 55_008, 55_556),
    Peer("MLPerf Tiny vww", 7_489_664, 29_487_095, 389_436, 56_148, 100_720, 101_268),
    Peer("person_detect", 7_157_888, 27_822_561, 346_620, 46_052, 82_320, 82_832),
    Peer("micro_speech tiny_conv", 336_000, 2_046_001, 65_592, 46_792, 6_848, 7_324),
    Peer("hello_world int8", 288, 5_068, 33_068, 30_364, 1_168, 1_432),
)


def peer_of(macs: int) -> Peer | None:
    """The peer's figures for the same architecture, if it was measured."""
    return next((peer for peer in TFLM_CMSIS_NN if peer.macs == macs), None)
