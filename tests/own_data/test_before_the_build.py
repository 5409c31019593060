"""What does not fit together stops before anything is built."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinydeploy import images, pipeline
from tinydeploy.errors import ModelFileError
from tinydeploy.hardware import fleet
from tinydeploy.pipeline import Job
from tinydeploy.ui import Ui


@pytest.fixture(autouse=True)
def nothing_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    def build(*_: Any, **__: Any) -> None:
        pytest.fail("something was built")

    monkeypatch.setattr(images, "make_image", build)


@pytest.mark.parametrize("run", ["deploy", "verify", "explain", "fleet"])
def test_data_that_does_not_fit(tmp_path: Path, run: str) -> None:
    np.savez(tmp_path / "wrong.npz", inputs=np.zeros((5, 3), np.int8))
    job, ui = Job("host", "sine", data=tmp_path / "wrong.npz"), Ui(quiet=True)
    calls = {
        "deploy": lambda: pipeline.deploy(job, ui),
        "verify": lambda: pipeline.verify_only(job, ui),
        "explain": lambda: pipeline.explain(job, 0, ui),
        "fleet": lambda: fleet.deploy(job, 1, ui),
    }
    with pytest.raises(ModelFileError, match="does not fit"):
        calls[run]()
