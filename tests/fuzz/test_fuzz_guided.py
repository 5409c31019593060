"""Fuzzing that learns: it builds every target, finds a planted fault, and says what is missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from tinydeploy import tools
from tinydeploy.commands import fuzz_attacks
from tinydeploy.errors import SetupError
from tinydeploy.fuzz import build, guided, record
from tinydeploy.fuzz.runner import HostRunner, RunnerCrashError
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type, per_tensor
from tinydeploy.graph.write_tflite import dump

needs_clang = pytest.mark.skipif(shutil.which("clang++") is None, reason="no clang for libFuzzer")
FAULT = """
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 2 && data[0] == 'B' && data[1] == 'U' && data[2] == 'G') abort();
  return 0;
}
"""


@needs_clang
@pytest.mark.slow
@pytest.mark.parametrize("name", guided.TARGETS)
def test_a_target_runs(name: str, tmp_path: Path) -> None:
    found = guided.run(name, 0.05, 1, tmp_path)
    assert found.findings == ()
    assert found.inputs > 100
    assert found.edges > 50
    assert any((tmp_path / name / "corpus").iterdir())  # the next run goes on with it


@needs_clang
def test_a_fault_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Three bytes in a row, each of which shows only when the one before is right."""
    harness = tmp_path / "fault.cpp"
    harness.write_text(FAULT)
    target = guided.Target("a fault", [harness], lambda seed: [b"....."], 16, with_runtime=False)
    monkeypatch.setitem(guided.TARGETS, "fault", target)
    found = guided.run("fault", 1, 1, tmp_path)
    ((path, words),) = found.findings
    assert path.read_bytes().startswith(b"BUG")
    assert "deadly signal" in words


def test_what_is_missing_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(program: str) -> None:
        return None

    monkeypatch.setattr(tools, "find", none)
    with pytest.raises(SetupError, match=r"clang\+\+ is not on the PATH") as error:
        guided.run("usb", 1, 1, tmp_path)
    assert "apt install clang" in error.value.hint


def test_the_command_line_knows_the_targets() -> None:
    assert set(fuzz_attacks.GUIDED) == set(guided.TARGETS)


def test_the_record_shows_each_target() -> None:
    told = record.of_guided(guided.Result(1234567, 89, 10, 60.0))
    text = record.render({record.guided("usb"): {"command": "the command", **told}})
    assert "| `the command` | 1,234,567 | 89 | 10 | 0 |" in text


# ---- Red zones: an operator that touches what is not its own. ----


def _copied() -> bytes:
    """RESHAPE of 20 bytes that are needed afterwards, so that it copies them."""
    draft = Builder()
    x = draft.input((1, 20), Type.INT8)
    before = draft.op("RELU", [x], (1, 20), Type.INT8, per_tensor(0.5, 0))
    x.quantization = before.quantization
    after = draft.op(
        "RESHAPE", [before], (20, 1), Type.INT8, before.quantization, new_shape=[20, 1]
    )
    return dump(draft.model(before, after))


@pytest.mark.skipif(shutil.which("g++") is None, reason="no g++ for the sanitizers")
def test_an_overrun_inside_the_arena_is_seen(tmp_path: Path) -> None:
    file = build.FIRMWARE_DIR / "kernels/shape/copy.cpp"
    text, faulty = file.read_text(), tmp_path / "copy.cpp"
    assert text.count("->bytes));") == 1
    faulty.write_text(text.replace("->bytes));", "->bytes) + 1);"))
    honest, wrong = (HostRunner(build.sanitized_runner(x)) for x in ({}, {file: faulty}))
    assert honest.run(_copied(), [[]]).ok
    with pytest.raises(RunnerCrashError, match="use-after-poison"):
        wrong.run(_copied(), [[]])
    honest.close()
    wrong.close()
