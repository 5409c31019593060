"""Fixed figures of the peers, under the same cycle model (measured 2026-11-20, GNU Arm 12.2, -O2;
wait states on 2026-12-01).

Images of theirs have a harness of 728 bytes and no link. "Best published" is the fastest result of
MLPerf Tiny on a Cortex-M4 (X-CUBE-AI 9.0 or Plumerai 1.1 on a NUCLEO-L4R5ZI), in cycles of our
model: hardware cycles / 1.17, for ad / 1.27. A model is recognised by its multiply-accumulates,
which differ between all of them.
"""

from __future__ import annotations

from dataclasses import dataclass

REFERENCE, CMSIS_NN = "TFLM reference", "TFLM + CMSIS-NN"
MICROTVM, TINYENGINE = "microTVM + CMSIS-NN", "TinyEngine (inexact)"
PUBLISHED = "best published"

KWS, AD, IC, VWW = 2_656_768, 264_192, 12_501_632, 7_489_664
PERSON, TINY_CONV, SINE = 7_157_888, 336_000, 288


@dataclass(frozen=True)
class Peer:
    """An engine on one model; bytes and cycles, None where not measured.

    Attributes:
        wait_factor: cycles with the simulated nRF52840's wait states for one without.
    """

    engine: str
    macs: int
    cycles: int
    flash_bytes: int | None = None
    flash_without_model_bytes: int | None = None
    arena_bytes: int | None = None
    ram_bytes: int | None = None
    stack_bytes: int | None = None
    wait_factor: float | None = None


PEERS = (
    Peer(REFERENCE, KWS, 60_963_839, 98_044, 44_108, 22_784, 23_332, 760),
    Peer(CMSIS_NN, KWS, 9_307_747, 110_084, 56_148, 22_832, 23_380, 932, 1.090),
    Peer(MICROTVM, KWS, 10_380_000, 46_352, None, None, 18_272),
    Peer(PUBLISHED, KWS, 4_430_000),
    Peer(REFERENCE, AD, 2_788_949, 299_564, 22_588, 2_704, 2_968, 488),
    Peer(CMSIS_NN, AD, 726_631, 307_340, 30_364, 3_024, 3_288, 644, 1.189),
    Peer(PUBLISHED, AD, 380_000),
    Peer(REFERENCE, IC, 156_242_965, 147_016, 48_520, 54_352, 54_900, 800),
    Peer(CMSIS_NN, IC, 36_790_166, 152_416, 53_920, 55_008, 55_556, 932, 1.092),
    Peer(MICROTVM, IC, 39_600_000, 99_504, None, None, 69_216),
    Peer(PUBLISHED, IC, 16_900_000),
    Peer(REFERENCE, VWW, 143_121_054, 377_396, 44_108, 100_672, 101_220, 760),
    Peer(CMSIS_NN, VWW, 29_487_095, 389_436, 56_148, 100_720, 101_268, 932, 1.094),
    Peer(MICROTVM, VWW, 30_700_000, 284_816, None, None, 92_480),
    Peer(TINYENGINE, VWW, 25_600_000, 245_088, None, None, 60_728),
    Peer(PUBLISHED, VWW, 9_100_000),
    Peer(CMSIS_NN, PERSON, 27_822_561, 346_620, 46_052, 82_320, 82_832, 972, 1.104),
    Peer(CMSIS_NN, TINY_CONV, 2_046_001, 65_592, 46_792, 6_848, 7_324, 972),
    Peer(CMSIS_NN, SINE, 5_068, 33_068, 30_364, 1_168, 1_432, 644),
)


def peers_of(macs: int) -> list[Peer]:
    """The peers' figures for the same architecture, as far as it was measured."""
    return [peer for peer in PEERS if peer.macs == macs]
