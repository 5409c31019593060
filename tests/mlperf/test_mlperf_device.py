"""The runner's protocol line by line, and both modes, on the simulated boards."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinydeploy import boards, sources
from tinydeploy.bench import architectures
from tinydeploy.errors import DeviceFaultError, UsageError
from tinydeploy.hardware import connection
from tinydeploy.judge import Judge
from tinydeploy.mlperf import inputs, modes
from tinydeploy.mlperf.firmware import make_image
from tinydeploy.mlperf.inputs import Sample
from tinydeploy.mlperf.runner import Runner
from tinydeploy.mlperf.settings import BENCHMARKS, Settings, settings_of
from tinydeploy.pytest_plugin import unpacked
from tinydeploy.stages.build_options import DEFAULT
from tinydeploy.stages.flavour import MLPERF_BAUD
from tinydeploy.ui import Ui

# Commands to the sine model, whose input is one byte, and the lines that must come back.
CONVERSATION = [
    ("name", ["m-name-dut-[tinydeploy]"]),
    ("profile", ["m-profile-[ULPMark for tinyML Firmware V0.0.1]", "m-model-[sine]"]),
    ("timestamp", [r"m-lap-us-\d+"]),
    ("", []),
    ("db", [r"e-\[Command 'db' requires a subcommand\]"]),
    ("db load", [r"e-\[Command 'db load' requires the # of bytes\]"]),
    ("db load 0", [r"e-\[Command 'db load' must be >0 bytes\]"]),
    ("db load -1", [r"e-\[Command 'db load' must be >0 bytes\]"]),
    ("db load 27649", [r"e-\[Command 'db load' takes at most 27648 bytes\]"]),
    ("db load 27648", [r"m-\[Expecting 27648 bytes\]", r"m-\[The model takes the first 1\]"]),
    ("db load 3x", [r"m-\[Expecting 3 bytes\]", r"m-\[The model takes the first 1\]"]),
    ("db 4E01", []),
    ("db 0203", ["m-load-done"]),
    ("db print", ["m-buffer-4e"]),
    ("db load 1", [r"m-\[Expecting 1 bytes\]"]),
    ("db 1", [r"e-\[Insufficent number of hex digits\]"]),
    ("db 4g", [r"e-\[Invalid hex digit\]"]),
    ("db 4F", ["m-load-done"]),
    ("db 00", ["m-load-done"]),  # the reference disregards what comes after
    ("db print", ["m-buffer-4f"]),
    ("infer 0", [r"e-\[Inference iterations must be >0\]"]),
    ("infer x", [r"e-\[Inference iterations must be >0\]"]),
    ("infer 1 -1", [r"e-\[Inference warmup must be >=0\]"]),
    (
        "infer +3x 2",  # numbers as atoi reads them
        [
            *("m-warmup-start-2", "m-warmup-done", "m-infer-start-3", r"m-lap-us-\d+"),
            *(r"m-lap-us-\d+", "m-infer-done", r"m-results-\[-?\d\.\d{3}\]"),
        ],
    ),
    ("results", [r"m-results-\[-?\d\.\d{3}\]"]),
    ("x" * 200, [r"e-\[Command too long\]"]),
    ("jump", [r"e-\[Unknown command: jump\]"]),
]


def literal(pattern: str) -> str:
    """Brackets of plain expectations mean themselves."""
    return pattern if "\\" in pattern else re.escape(pattern)


def test_every_command_answers_as_the_runner_expects(dut: Any) -> None:
    for each in unpacked(dut):
        each.expect_exact("m-init-done\r\nm-ready\r\n", timeout=2)
        for command, answer in CONVERSATION:
            each.write(f"{command}%\r\n")
            lines = [literal(line) for line in [*answer, "m-ready"]]
            each.expect(re.compile("".join(rf"^{line}\r\n" for line in lines).encode(), re.M))


def test_a_stray_byte_costs_one_command_and_no_more(dut: Any) -> None:
    for each in unpacked(dut):
        each.expect_exact("m-ready\r\n", timeout=2)
        for stray in range(256):
            each.write(bytes([stray]) + b"jump%\r\n")
            known = stray in b"\0\r\n %"
            each.expect(
                rb"e-\[Unknown command: jump\]" if known else rb"e-\[Unknown command: .jump\]"
            )
            each.expect_exact("m-ready\r\n", timeout=2)
            each.write(b"name%")
            each.expect_exact("m-name-dut-[tinydeploy]\r\nm-ready\r\n", timeout=2)


def test_many_inferences_leave_the_results_of_the_input(app: Any, serial: Any) -> None:
    """The input's memory serves other things during an inference."""
    for each in unpacked(serial):
        runner = Runner(each.wire)
        runner.synchronise()
        runner.load(b"\x4f")
        assert runner.infer(1, 0)[1] == runner.infer(7, 3)[1]


@pytest.mark.parametrize("model", ["kws"], indirect=True)
def test_performance_is_the_cycle_counter_s(app: Any, serial: Any) -> None:
    for firmware, each in zip(unpacked(app), unpacked(serial), strict=True):
        device = each.device()
        device.hello()
        cycles = device.invoke().cycles
        runner = Runner(each.wire)
        runner.synchronise()
        data = bytes(firmware.source.model.main.inputs[0].nbytes)
        found = modes.performance(runner, [Sample((data,), None)], windows=2, window_s=0.05)
        assert all(window.microseconds >= 50_000 for window in found.windows)
        expected = firmware.board.cpu_hz / cycles
        assert found.median_per_second == pytest.approx(expected, rel=0.03)


@pytest.fixture(scope="module")
def reference(shared_data: Path) -> sources.Source:
    model = shared_data / "mlperf_tiny" / "kws_ref_model.tflite"
    return sources.resolve(str(model), None, False, None, Ui(quiet=True))


@pytest.fixture(scope="module")
def kws01(reference: sources.Source) -> Iterator[connection.Connection]:
    board, settings = boards.load("nano33"), settings_of(reference)
    image = make_image(reference, board, settings, DEFAULT, Ui(quiet=True))[1]
    opened = connection.open_simulated(board, image, MLPERF_BAUD)
    yield opened
    opened.close()


def test_accuracy_of_the_reference_model_is_tflm_s(
    reference: sources.Source, kws01: connection.Connection, shared_data: Path
) -> None:
    runner = Runner(kws01.wire)
    runner.synchronise()
    assert runner.model() == "kws01"
    tensor, settings = reference.model.main.inputs[0], settings_of(reference)
    folder = shared_data / "mlperf_tiny" / "kws01"
    samples = inputs.of_folder(folder, settings, tensor, 20)
    found = modes.accuracy(runner, samples)
    judge, output = Judge(reference.data), reference.model.main.outputs[0]
    for row, sample in zip(found.outputs, samples, strict=True):
        raw = judge.run([np.frombuffer(sample.windows[0], np.int8).reshape(tensor.shape)])[
            0
        ].ravel()
        assert output.quantization is not None
        expected = (raw.astype(np.int64) - output.quantization.zero_points) * (
            output.quantization.scales.astype(np.float64)
        )
        assert row == pytest.approx(expected, abs=0.0006)
    assert found.top1 >= 0.85


def test_an_error_of_the_device_is_an_error_here(kws01: connection.Connection) -> None:
    runner = Runner(kws01.wire)
    runner.synchronise()
    with pytest.raises(DeviceFaultError, match="takes at most 27648 bytes"):
        runner.load(bytes(27649))


@pytest.mark.parametrize("name", ["uint8", "float32"])
def test_encodings_give_the_tensor_that_was_meant(name: str) -> None:
    """The same input in another encoding gives the same results."""
    quiet, board = Ui(quiet=True), boards.load("nano33")
    source = sources.resolve("sine", None, False, None, quiet)
    tensor, results = source.model.main.inputs[0], {}
    values = [np.full(tensor.shape, value, np.int8) for value in (-128, -1, 0, 77, 127)]
    for settings in (Settings("sine"), Settings("sine", name)):
        image = make_image(source, board, settings, DEFAULT, quiet)[1]
        opened = connection.open_simulated(board, image, MLPERF_BAUD)
        runner = Runner(opened.wire)
        runner.synchronise()
        results[settings.input] = []
        for value in values:
            runner.load(inputs.encode(value, settings, tensor))
            results[settings.input].append(runner.infer(1, 0)[1])
        opened.close()
    assert results[name] == results["raw"]
    assert len(set(results["raw"])) == len(values)


def test_benchmarks_have_the_encodings_of_the_rules() -> None:
    chosen = {name: (entry.input, entry.result) for name, entry in BENCHMARKS.items()}
    assert chosen == {
        "kws01": ("raw", "values"),
        "vww01": ("uint8", "values"),
        "ic01": ("uint8", "values"),
        "ad01": ("float32", "mean_squared_error"),
    }


def test_anomaly_is_the_mean_error_of_all_windows(tmp_path: Path) -> None:
    """ad01: recordings through a sliding window, a score each, and the area under the curve."""
    generator = np.random.default_rng(7)
    model = architectures.write("ad", tmp_path)
    quiet, board = Ui(quiet=True), boards.load("nano33")
    source = sources.resolve(str(model), None, False, None, quiet)
    settings, tensor = settings_of(source), source.model.main.inputs[0]
    rows = []
    for index, label in enumerate((0, 1, 0)):
        values = generator.normal(0, 1 + index, 640 + 128 * index).astype("<f4")
        (tmp_path / f"{index}.bin").write_bytes(values.tobytes())
        rows.append(f"{index}.bin, 2, {label}, 2560, 512")
    (tmp_path / "y_labels.csv").write_text("\n".join(rows))
    samples = inputs.of_folder(tmp_path, settings, tensor)
    assert [len(sample.windows) for sample in samples] == [1, 2, 3]

    image = make_image(source, board, settings, DEFAULT, quiet)[1]
    opened = connection.open_simulated(board, image, MLPERF_BAUD)
    runner = Runner(opened.wire)
    runner.synchronise()
    found = modes.accuracy(runner, samples)
    opened.close()
    expected = [mean_error(source, sample.windows) for sample in samples]
    assert [row[0] for row in found.outputs] == pytest.approx(expected, rel=1e-4, abs=0.001)
    wins = [expected[1] > expected[0], expected[1] > expected[2]]
    assert found.is_score
    assert found.auc == sum(wins) / 2


def mean_error(source: sources.Source, windows: tuple[bytes, ...]) -> float:
    """By TFLM on the PC: mean over windows of the mean squared error of the reconstruction."""
    tensor, output = source.model.main.inputs[0], source.model.main.outputs[0]
    assert tensor.quantization is not None
    assert output.quantization is not None
    judge, errors = Judge(source.data), []
    for window in windows:
        reals = np.frombuffer(window, "<f4")
        steps = reals / tensor.quantization.scales[0]
        rounded = np.trunc(steps + np.copysign(np.float32(0.5), steps))
        raw = np.clip(rounded + tensor.quantization.zero_points[0], -128, 127).astype(np.int8)
        answer = judge.run([raw.reshape(tensor.shape)])[0].ravel().astype(np.float64)
        back = (answer - output.quantization.zero_points[0]) * output.quantization.scales[0]
        errors.append(np.mean((back - reals) ** 2))
    return float(np.mean(errors))


def test_a_score_without_both_classes_has_no_curve() -> None:
    with pytest.raises(UsageError, match="samples of class 0 and of class 1"):
        _ = modes.Accuracy(((0.1,), (0.2,)), (0, 0)).auc
    assert modes.Accuracy(((0.1,), (0.2,), (0.1,)), (0, 1, 1)).auc == 0.75
