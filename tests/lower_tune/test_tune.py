"""The choice of tiles: rules, table, and measurements on the simulated core."""

from __future__ import annotations

from pathlib import Path

import pytest
from tinydeploy import passes
from tinydeploy.bench.network import Network
from tinydeploy.graph import read_tflite
from tinydeploy.graph.write_tflite import dump
from tinydeploy.kernel_lab import harness, tune
from tinydeploy.lower.build_plan import assemble
from tinydeploy.lower.compile_options import GOALS, Choices
from tinydeploy.lower.lowering import lower
from tinydeploy.lower.packing import conv_weights, words
from tinydeploy.lower.plan.ir import Plan
from tinydeploy.lower.rules.table import RULES
from tinydeploy.lower.tuning import tile_sizes
from tinydeploy.stages.compile_plan import evaluate

SHAPE = (125, 64, 64)  # pixels, depth, channels of kws
INNER = ("td_dot_pairs_positive",)


def rule_plan() -> Plan:
    net = Network((1, 9, 7, 4), 0.1, 3, 5)
    net.conv(8, 3, 2, "RELU")
    net.depthwise(3, 1, "RELU")
    net.conv(12, 1, 1, "RELU")
    model = read_tflite.load(dump(net.model()))
    passes.optimise(model, evaluate)
    return lower(model, evaluate, RULES, goal="rule")


def fitted(goal: str, geometry: words.Geometry) -> tuple[int, int]:
    params, scratch = tile_sizes.fit(
        "td_pointwise", geometry.params, geometry.scratch_bytes, INNER, goal
    )
    return params["batch"], scratch


def test_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """64 channels deep: 32 steps, 128 bytes a pixel; the kernel's rule takes 512 bytes."""
    monkeypatch.setattr(tile_sizes, "table", dict)
    geometry = conv_weights.pointwise_geometry(*SHAPE)
    assert fitted("rule", geometry) == fitted("balanced", geometry) == (4, 512)
    assert fitted("size", geometry) == (2, 256)
    assert fitted("speed", geometry) == (16, 2048)


def test_the_table_goes_before_the_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    key = "td_pointwise 125 64 64 td_dot_pairs_positive"
    monkeypatch.setattr(tile_sizes, "table", lambda: {key: {"speed": [8, 1, 1]}})
    geometry = conv_weights.pointwise_geometry(*SHAPE)
    assert fitted("speed", geometry) == (8, 1024)
    assert fitted("size", geometry) == (2, 256)


def test_committed_table() -> None:
    """Balanced never takes more scratch than the kernels' own rules, nor more cycles than size."""
    table = tile_sizes.table()
    assert list(table) == sorted(table)
    assert "td_pointwise 125 64 64 td_dot_pairs_positive" in table
    for key, entry in table.items():
        assert set(entry) == set(GOALS), key
        _, speed_cycles, _ = entry["speed"]
        _, balanced_cycles, balanced_bytes = entry["balanced"]
        _, size_cycles, size_bytes = entry["size"]
        assert speed_cycles <= balanced_cycles <= size_cycles, key
        assert size_bytes <= balanced_bytes, key


def test_measurements(tmp_path: Path) -> None:
    core = harness.CortexM4(harness.build_cortex_m4(tmp_path))
    found = list(tune.tune(rule_plan(), core))
    assert [each.key.split()[0] for each in found] == ["td_conv", "td_depthwise", "td_pointwise"]
    again = list(tune.tune(rule_plan(), core, [each.key for each in found[:2]]))
    assert again == found[2:]
    for each in found:
        assert each.winner("speed").cycles <= each.winner("balanced").cycles
        assert each.winner("balanced").scratch_bytes <= each.rule.scratch_bytes
        assert each.winner("balanced").cycles <= each.rule.cycles
    assert tune.table_text(found).count("\n") == 3


def test_winners() -> None:
    rule = tune.Measurement(4, 1000, 512)
    others = (tune.Measurement(2, 1200, 256), rule, tune.Measurement(16, 900, 2048))
    each = tune.Tuned("shape", rule, (*others, tune.Measurement(64, 800, 1 << 20)))
    assert each.row() == {"balanced": [4, 1000, 512], "size": [2, 1200, 256],
                          "speed": [16, 900, 2048]}  # fmt: skip


def test_goals_change_neither_weights_nor_results() -> None:
    net = Network((1, 24, 24, 8), 0.1, 3, 5)
    net.depthwise(3, 1, "RELU")
    net.conv(16, 1, 1, "RELU")
    model = read_tflite.load(dump(net.model()))
    passes.optimise(model, evaluate)
    plans = {goal: assemble(model, evaluate, RULES, Choices(goal)) for goal in GOALS}
    assert len({plan.flash_constants_bytes for plan in plans.values()}) == 1
    scratch = {goal: sum(s.size for step in plan.steps for s in step.scratch)
               for goal, plan in plans.items()}  # fmt: skip
    assert scratch["size"] < scratch["balanced"] < scratch["speed"]
