"""A hostile file cannot eat the PC: it is refused with a reason, in bounded memory and time.

The command runs in a child with bounds of its own, which are no figures of how long it takes: they
are far above, and far below what each of these files took.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import hostile_files as files
import numpy as np
import pytest
from tinydeploy import bounds, models
from tinydeploy.errors import ModelFileError, TinyDeployError, UsageError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Op, Type
from tinydeploy.graph.write_tflite import dump
from tinydeploy.ops.custom_options import options_of
from tinydeploy.stages import arrays, convert_load, vectors
from tinydeploy.stages.input_spec import input_specs

MEMORY_BYTES = 2 << 30  # of address space, most of which are the libraries of NumPy and TFLM
CPU_S = 20
PLANNING_CPU_S = 200
SINE = models.load("sine").tflite()
CODE_OF_THE_COMMAND_LINE = "import sys; from tinydeploy.cli import main; sys.exit(main())"

Done = subprocess.CompletedProcess[str]


def run(*arguments: str, cpu_s: int = CPU_S) -> Done:
    """A command with its memory and CPU time bounded."""

    def confine() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
        resource.setrlimit(resource.RLIMIT_CPU, (cpu_s, cpu_s))

    argv = [sys.executable, "-c", CODE_OF_THE_COMMAND_LINE, *arguments]
    return subprocess.run(argv, capture_output=True, text=True, preexec_fn=confine, check=False)


def written(folder: Path, model: Model | bytes) -> str:
    path = folder / "hostile.tflite"
    path.write_bytes(model if isinstance(model, bytes) else dump(model))
    return str(path)


def refused(done: Done, *words: str, code: int = 3) -> None:
    assert done.returncode == code, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    said = " ".join(done.stderr.split())
    assert all(word in said for word in words), said


REFUSED: dict[str, tuple[Callable[[], Model | bytes], str]] = {
    "a long axis": (files.long_axis, "takes more than 64 MiB"),
    "operators": (lambda: files.chain(16_000), "more than 10,000 operators"),
    "shared operators": (lambda: files.shared_tables("operators"), "more than 10,000 operators"),
    "shared tensors": (lambda: files.shared_tables("tensors"), "more than 40,000 tensors"),
    "shared subgraphs": (lambda: files.shared_tables("subgraphs"), "more than 256 subgraphs"),
    "shared buffers": (lambda: files.shared_tables("buffers"), "more than 40,000 buffers"),
    "shared metadata": (lambda: files.shared_tables("metadata"), "more than 1,000 entries"),
    "shared names": (files.shared_names, "share their bytes"),
    "shared arguments": (files.shared_arguments, "share their bytes"),
    "shared constants": (files.shared_constants, "share their bytes"),
    "calls": (files.calls, "call one another"),
}


@pytest.mark.parametrize("kind", REFUSED)
def test_a_model_without_measure_is_refused(kind: str, tmp_path: Path) -> None:
    make, words = REFUSED[kind]
    path = written(tmp_path, make())
    refused(run("inspect", path), words)


def test_deploy_refuses_it_before_anything_is_built(tmp_path: Path) -> None:
    path = written(tmp_path, files.long_axis())
    refused(run("deploy", "--board", "host", "--model", path), "takes more than 64 MiB")


def test_a_file_without_end_is_not_read_to_it() -> None:
    refused(run("inspect", "/dev/zero"))
    with pytest.raises(ModelFileError, match="is larger than 67,108,864 bytes"):
        read_tflite.read_bytes(Path("/dev/zero"))


@pytest.mark.slow
@pytest.mark.parametrize(
    "make",
    [files.chain, files.bands, files.parallel, files.ladder, files.reshapes, files.variables],
)
def test_as_much_as_may_be_is_planned(make: Callable[[int], Model], tmp_path: Path) -> None:
    """Ten thousand operators: an answer, whatever it is."""
    done = run("inspect", written(tmp_path, make(bounds.OPERATORS)), cpu_s=PLANNING_CPU_S)
    assert done.returncode in (0, 3), (done.returncode, done.stderr[-2000:])
    assert "Traceback" not in done.stderr


def test_what_a_large_board_runs_is_not_refused() -> None:
    build = Builder()
    x = build.input((1, 64), Type.INT8, files.QUANTIZATION)
    weights = build.constant(np.zeros((16_384, 64), np.int8), quantization=files.QUANTIZATION)
    y = build.op("FULLY_CONNECTED", [x, weights, None], (1, 16_384), Type.INT8, files.QUANTIZATION)
    assert read_tflite.load(dump(build.model(y))).main.ops


@pytest.mark.parametrize("make", [files.flex_deep, files.flex_shared])
def test_options_in_one_another_are_not_entered(make: Callable[[], bytes]) -> None:
    op = Op("CUSTOM", [], [], custom_code="SignalFramer", custom_options=make())
    assert options_of(op) == {}


def test_numbers_among_options_are_read() -> None:
    build = Builder()
    x = build.input((1, 8), Type.INT16)
    build.op("SignalFramer", [x], (1, 8), Type.INT16, frame_size=8, frame_step=4, prefill=True)
    (op,) = build.subgraph.ops
    assert options_of(op) == {"frame_size": 8, "frame_step": 4, "prefill": True}


@pytest.mark.parametrize("kind", files.C_SOURCES)
def test_c_source_is_read_once(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "model.h"
    path.write_text(files.C_SOURCES[kind])
    refused(run("inspect", str(path)), "no array of bytes that is a .tflite")


def test_a_data_file_that_unpacks_without_measure_is_refused(tmp_path: Path) -> None:
    path = files.bomb(tmp_path / "data.npz", "inputs.npy", bounds.UNPACKED_BYTES + (1 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(UsageError, match="would unpack to"):
        arrays.read(path, [["inputs"]])


def test_an_archive_of_the_usual_kind_is_read(tmp_path: Path) -> None:
    path = tmp_path / "data.npz"
    np.savez_compressed(path, inputs=np.zeros((1000, 1000), np.int8))
    assert arrays.read(path, [["inputs"]]).inputs[0].shape == (1000, 1000)


def test_a_keras_file_that_unpacks_without_measure_is_refused(tmp_path: Path) -> None:
    path = files.bomb(tmp_path / "m.keras", "model.weights.h5", bounds.UNPACKED_BYTES + (1 << 20))
    with pytest.raises(ModelFileError, match="would unpack to"):
        convert_load.load(path, None, [])


def test_data_that_say_they_are_a_terabyte_are_refused(tmp_path: Path) -> None:
    path = files.lying_npy(tmp_path / "data.npy")
    refused(
        run("deploy", "--board", "host", "--model", str(SINE), "--data", str(path)),
        "damaged or cut short",
        code=2,
    )


@pytest.mark.parametrize("endless", ["y_labels.csv", "a.bin"])
def test_a_folder_of_data_without_end_is_refused(endless: str, tmp_path: Path) -> None:
    (tmp_path / "y_labels.csv").write_text("a.bin, 2, 1\n")
    (tmp_path / endless).unlink(missing_ok=True)
    with (tmp_path / endless).open("wb") as file:
        file.truncate(1 << 40)  # takes no room on the disk
    with pytest.raises(TinyDeployError):
        vectors.load(tmp_path, input_specs(read_tflite.load(SINE)))


@pytest.mark.parametrize("name", ["../secret.bin", "/etc/passwd"])
def test_data_name_no_files_outside_of_their_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "y_labels.csv").write_text(f"{name}, 2, 1\n")
    with pytest.raises(UsageError, match="outside of its folder"):
        vectors.label_rows(tmp_path / "y_labels.csv")
