"""A user's own Keras model, as a .keras file and as a SavedModel folder."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]

SAVE = """
import sys, keras
keras.utils.set_random_seed(1)
model = keras.Sequential([
    keras.Input((8, 8, 1), batch_size=1),
    keras.layers.Conv2D(4, 3, activation="relu"),
    keras.layers.Flatten(),
    keras.layers.Dense(3, activation="softmax"),
])
model.save(sys.argv[1] + "/tiny.keras")
model.export(sys.argv[1] + "/tiny_saved", verbose=False)
"""
SAMPLES = 40


@pytest.fixture(scope="module")
def saved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the same small network in both formats, saved in a process of its own."""
    if importlib.util.find_spec("tensorflow") is None:
        pytest.skip("TensorFlow is not installed")
    folder = tmp_path_factory.mktemp("keras")
    command = [sys.executable, "-c", SAVE, str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=300)
    return folder


@pytest.mark.parametrize("name", ["tiny.keras", "tiny_saved"])
def test_deploys_after_quantization_with_ones_data(tinydeploy: Run, saved: Path, name: str) -> None:
    """Real numbers and labels: they quantize the model, and verify it."""
    images = np.random.default_rng(0).uniform(0, 1, (SAMPLES, 8, 8, 1)).astype(np.float32)
    np.savez(saved / "data.npz", x=images, y=np.arange(SAMPLES) % 3)
    result = tinydeploy(
        *("deploy", "--json", "--model", saved / name, "--board", "nano33"),
        *("--data", saved / "data.npz"),
    )
    assert result.returncode == 0, result.stderr
    report = json.loads(result.stdout)
    assert report["parity"]["vectors"] == SAMPLES
    assert report["parity"]["mismatching_bytes"] == 0
    assert report["model"]["inputs"][0]["dtype"] == "int8"
    assert report["model"]["quantized_with"] == f"{SAMPLES} samples of data.npz"
    assert "float32 quantized with scale" in report["accuracy"]["data"]
    assert report["accuracy"]["device"] is not None
    assert report["warnings"] == []


def test_no_data_and_a_model_that_says_nothing(tinydeploy: Run, saved: Path) -> None:
    result = tinydeploy("deploy", "--model", saved / "tiny.keras")
    assert result.returncode == 2
    assert "nothing is known of the numbers" in result.stderr
    assert "--representative noise" in result.stderr
