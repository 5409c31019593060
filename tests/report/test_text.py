from __future__ import annotations

import pytest
from tinydeploy.report import text
from tinydeploy.report.model import Accuracy


@pytest.mark.parametrize(
    ("shown", "expected"),
    [
        (text.count(1_234_567), "1,234,567"),
        (text.count(None), "–"),
        (text.short_count(999), "999"),
        (text.short_count(9_753_120), "9.75 M"),
        (text.short_count(41_210), "41.2 k"),
        (text.size(0), "0 KiB"),
        (text.size(3), "0.01 KiB"),
        (text.size(16), "0.02 KiB"),  # stands beside "12.3 KiB": one unit
        (text.size(1023), "1.00 KiB"),
        (text.size(1536), "1.5 KiB"),
        (text.size(832 << 10), "832 KiB"),
        (text.size(256 << 20), "256 MiB"),
        (text.duration(0.000_073_75), "73.8 µs"),
        (text.duration(0.1139), "114 ms"),
        (text.duration(3.41), "3.41 s"),
        (text.duration(95), "1 min 35 s"),
        (text.energy(0.73), "730 nJ"),
        (text.energy(1130.0), "1.13 mJ"),
        (text.frequency(64_000_000), "64 MHz"),
        (text.frequency(1_000_000_000), "1 GHz"),
        (text.percent(1, 8), "12.5 %"),
        (text.percent(1, 100_000), "<0.1 %"),
        (text.percent(0, 8), "0.0 %"),
        (text.percent(1, 0), "–"),
        (text.shape((1, 49, 40, 1)), "1×49×40×1"),
        (text.shape(()), "scalar"),
        (text.ratio(2950, 256), "11.52"),
        (text.ratio(212, None), "–"),
        (text.score(Accuracy("accuracy"), 0.9375), "93.8 %"),
        (text.score(Accuracy("mean absolute error"), 0.02104), "0.02104"),
    ],
)
def test_numbers_as_people_read_them(shown: str, expected: str) -> None:
    assert shown == expected
