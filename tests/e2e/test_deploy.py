"""The main job on real input: models of ours and a foreign one, on every board's simulator."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tinydeploy import models, records
from tinydeploy.config import ROOT
from tinydeploy.graph import read_tflite
from tinydeploy.link.client import Device
from tinydeploy.link.process import ProcessTransport
from tinydeploy.stages import input_spec, verify
from tinydeploy.stages.compile_plan import compile_plan
from tinydeploy.stages.vectors import fitted

Run = Callable[..., subprocess.CompletedProcess[str]]

BOARDS = ("nano33", "sparkfun_edge", "host")
DEVICE = 6
CHIPS = ("nano33", "sparkfun_edge")
LASTING_KEYS = {
    "model": ("name",),
    "parity": ("vectors", "mismatching_bytes"),
    "accuracy": ("device", "host"),
    "cycles": ("mean", "per_op"),
    "size": ("flash_bytes", "model_bytes", "ram_bytes", "arena_bytes", "stack_bytes"),
}


def deployed(tinydeploy: Run, *arguments: object) -> dict[str, Any]:
    """The report of a deployment that must succeed with standard output holding nothing else."""
    result = tinydeploy("deploy", "--json", *arguments)
    assert result.returncode == 0, result.stderr
    report: dict[str, Any] = json.loads(result.stdout)
    assert report["parity"]["mismatching_bytes"] == 0
    return report


@pytest.mark.parametrize("board", BOARDS)
def test_sine_on_100_vectors(tinydeploy: Run, board: str) -> None:
    report = deployed(tinydeploy, "--model", "sine", "--board", board, "--vectors", 100)
    assert report["parity"]["vectors"] == 100
    assert report["board"] == board
    assert report["accuracy"]["metric"] == "mean absolute error"
    assert report["accuracy"]["device"] == report["accuracy"]["host"] < 0.05


@pytest.mark.parametrize("board", BOARDS)
def test_keyword_spotting(tinydeploy: Run, board: str) -> None:
    report = deployed(tinydeploy, "--model", "kws", "--board", board, "--vectors", 30)
    assert report["accuracy"]["device"] == report["accuracy"]["host"] >= 0.8
    assert sum(map(sum, report["accuracy"]["confusion"])) == 30


@pytest.mark.parametrize("board", CHIPS)
@pytest.mark.parametrize("toolchain", ["zig", "gcc"])
def test_the_interpreter_engine_with_both_toolchains(
    tinydeploy: Run, board: str, toolchain: str
) -> None:
    if toolchain == "gcc" and shutil.which("arm-none-eabi-g++") is None:
        pytest.skip("arm-none-eabi-g++ is not on the PATH")
    chosen = ("--engine", "interpreter", "--toolchain", toolchain)
    report = deployed(tinydeploy, "--model", "sine", "--board", board, *chosen)
    assert report["engine"] == "interpreter"
    assert report["parity"]["vectors"] == 100


@pytest.mark.parametrize("board", CHIPS)
def test_mlperf_reference_model(tinydeploy: Run, board: str, shared_data: Path) -> None:
    model = shared_data / "mlperf_tiny" / "kws_ref_model.tflite"
    data = shared_data / "mlperf_tiny" / "kws01"
    report = deployed(
        tinydeploy, "--model", model, "--board", board, "--data", data, "--vectors", 20
    )
    assert report["parity"]["vectors"] == 20
    assert report["accuracy"]["device"] == report["accuracy"]["host"] >= 0.8


def test_mlperf_accuracy_of_all_inputs_on_the_host(tinydeploy: Run, shared_data: Path) -> None:
    model = shared_data / "mlperf_tiny" / "kws_ref_model.tflite"
    data = shared_data / "mlperf_tiny" / "kws01"
    report = deployed(
        tinydeploy, "--model", model, "--board", "host", "--data", data, "--vectors", "all"
    )
    assert report["parity"]["vectors"] == 101
    assert report["accuracy"]["device"] == 95 / 101  # as TFLM on the PC


def test_report_has_the_keys_that_stay(tinydeploy: Run) -> None:
    report = deployed(tinydeploy, "--model", "sine", "--board", "nano33")
    for section, keys in LASTING_KEYS.items():
        for key in keys:
            assert report[section][key] is not None, f"{section}.{key}"
    for key in ("board", "engine", "target", "versions", "hashes"):
        assert report[key], key
    folder = ROOT / "build" / "sine" / "nano33"
    for name in ("report.html", "report.json", "report.md"):
        assert (folder / name).stat().st_size > 1000
    assert "http" not in (folder / "report.html").read_text(encoding="utf-8").replace(
        "http://www.w3.org/2000/svg", ""
    ), "the page must need nothing from elsewhere"


def test_nothing_changed_means_nothing_is_done_again(tinydeploy: Run) -> None:
    deployed(tinydeploy, "--model", "sine", "--board", "nano33")
    report = deployed(tinydeploy, "--model", "sine", "--board", "nano33")
    cached = {stage["name"]: stage["cached"] for stage in report["stages"]}
    assert cached["build"]
    assert cached["verify"]


def test_every_run_on_the_simulator_counts_the_same_cycles(tinydeploy: Run) -> None:
    runs = [
        deployed(tinydeploy, "--model", "sine", "--board", "nano33", "--force")["cycles"]
        for _ in range(2)
    ]
    assert runs[0] == runs[1]


def test_explain_compares_every_operator(tinydeploy: Run) -> None:
    result = tinydeploy("verify", "--model", "sine", "--board", "nano33", "--explain")
    assert result.returncode == 0, result.stderr
    assert result.stderr.count("FULLY_CONNECTED") == 3
    assert "equal" in result.stderr
    assert "differs" not in result.stderr


def test_other_firmware_is_refused(tinydeploy: Run, kws_on_pty: str) -> None:
    result = tinydeploy("verify", "--model", "sine", "--target", kws_on_pty)
    assert result.returncode == DEVICE, result.stderr
    assert "runs model" in result.stderr


def test_one_wrong_bit_fails_the_run_and_is_named(
    host_sine: Device, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    source = models.load("sine")
    data = source.tflite().read_bytes()
    inputs, labels = records.committed(source).test_set()
    model = read_tflite.load(data)
    vectors = fitted((inputs[:10],), labels[:10], input_spec.input_specs(model), "test")
    steps = compile_plan(source.tflite(), tmp_path, name="sine").steps
    honest = Device.read
    reads = iter(range(1000))

    def lie(self: Device, kind: int, index: int, length: int) -> bytes:
        answer = honest(self, kind, index, length)
        return bytes([answer[0] ^ 1]) + answer[1:] if next(reads) == 7 else answer

    monkeypatch.setattr(Device, "read", lie)
    found = verify.verify(host_sine, model, data, vectors, steps)
    assert found.mismatching_bytes == 1
    assert "vector 7, output 0, byte 0" in found.first_mismatch


@pytest.mark.parametrize("board", ["nano33", "sparkfun_edge"])
def test_what_skips_the_link_gives_the_same(tinydeploy: Run, board: str) -> None:
    job = ("--model", "sine", "--board", board, "--vectors", "30")
    some = deployed(tinydeploy, *job)["parity"]
    every = deployed(tinydeploy, *job, "--link-vectors", "all")["parity"]
    assert (some["link_vectors"], every["link_vectors"]) == (10, 30)
    assert some["mismatching_bytes"] == every["mismatching_bytes"] == 0
    assert some["outputs_sha256"] == every["outputs_sha256"]


@pytest.fixture
def host_sine(tinydeploy: Run) -> Iterator[Device]:
    """The sine's firmware as a process on this PC."""
    deployed(tinydeploy, "--model", "sine", "--board", "host")
    elf = ROOT / "build" / "sine" / "host" / "firmware" / "firmware.elf"
    device = Device(ProcessTransport(elf))
    device.hello()
    yield device
    device.close()


@pytest.fixture
def kws_on_pty(tmp_path: Path) -> Iterator[str]:
    """A simulated board that runs kws, left running on a pseudo-terminal as a user would."""
    link = tmp_path / "board"
    command = [sys.executable, "-m", "tinydeploy", "simulate", "--pty", "--link", str(link)]
    with subprocess.Popen([*command, "--model", "kws"], cwd=ROOT) as simulator:
        deadline = time.monotonic() + 120
        while not link.exists() and time.monotonic() < deadline:
            time.sleep(0.1)
        yield str(link)
        simulator.terminate()  # SIGINT is ignored where a shell started us in the background
