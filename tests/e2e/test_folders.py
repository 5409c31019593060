"""Two models never share a folder, whatever their files are called."""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import CompletedProcess
from typing import Any

import pytest
from tinydeploy import models, pipeline, programs, sources
from tinydeploy.config import BUILD_DIR
from tinydeploy.ui import Ui

Run = Callable[..., CompletedProcess[str]]


def folder_of(path: Path) -> str:
    return sources.resolve(str(path), None, False, None, Ui(quiet=True)).folder


def copied(model: str, path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(models.load(model).tflite(), path)
    return path


def test_every_file_has_its_own(tmp_path: Path) -> None:
    names = ["a/model", "b/model", "модель", "モデル", "kws", "sine", "a b", "a_b", "é", "-", "..x"]
    paths = [copied("sine", tmp_path / f"{name}.tflite") for name in names]
    folders = [folder_of(path) for path in paths]
    assert len({*folders, *models.names()}) == len(paths) + len(models.names())
    assert folders[2].startswith("модель-")
    assert all("/" not in folder and not folder.startswith((".", "-")) for folder in folders)


def test_it_stays_while_the_file_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trained anew, or named in another way, a model keeps its folder."""
    path = copied("sine", tmp_path / "mine.tflite")
    before = folder_of(path)
    copied("kws", path)
    monkeypatch.chdir(tmp_path)
    assert folder_of(Path("mine.tflite")) == folder_of(Path("../") / tmp_path.name / path.name)
    assert folder_of(path) == before


def test_a_long_name_stays_a_name(tmp_path: Path) -> None:
    assert len(folder_of(copied("sine", tmp_path / f"{'long' * 60}.tflite"))) < 60


def test_our_models_keep_their_names() -> None:
    for variant in models.load("kws").variants:
        source = sources.resolve("kws", variant.name, False, None, Ui(quiet=True))
        assert source.folder == source.name


def deployed(tinydeploy: Run, path: Path) -> dict[str, Any]:
    done = tinydeploy("deploy", "--board", "host", "--vectors", "3", "--model", path, "--json")
    assert done.returncode == 0, done.stderr
    report: dict[str, Any] = json.loads(done.stdout)
    return report


def test_two_at_once(tinydeploy: Run, tmp_path: Path) -> None:
    """Of one file name, and one of them twice: each report is about its own model."""
    one, other = copied("sine", tmp_path / "a/kws.tflite"), copied("kws", tmp_path / "b/kws.tflite")
    with ThreadPoolExecutor() as pool:
        reports = list(pool.map(lambda path: deployed(tinydeploy, path), (one, other, one)))
    assert [report["model"]["source"] for report in reports] == [str(one), str(other), str(one)]
    assert [report["model"]["name"] for report in reports] == ["kws"] * 3
    hashes = [report["hashes"]["model"] for report in reports]
    assert hashes[0] == hashes[2] != hashes[1]
    for report in reports:
        assert (BUILD_DIR / report["model"]["folder"] / "host/report.html").is_file()


class Listening(Ui):
    """Keeps what is told, and says when."""

    def __init__(self) -> None:
        super().__init__(quiet=True)
        self.told: list[str] = []
        self.heard = threading.Event()

    def warn(self, text: str) -> None:
        self.told.append(text)
        self.heard.set()


def test_a_run_that_waits_says_so(tmp_path: Path) -> None:
    from tinydeploy import boards, locks

    source = sources.resolve("sine", None, False, None, Ui(quiet=True))
    folder = programs.output_folder(source, boards.load("host"))
    ui = Listening()
    with ThreadPoolExecutor() as pool:
        with locks.held(folder, print):
            job = pipeline.Job("host", "sine", vectors=1)
            waiting = pool.submit(pipeline.deploy, job, ui)
            assert ui.heard.wait(timeout=100)
            assert not waiting.done()
        assert waiting.result(timeout=200).verified
    assert ui.told[0].startswith("waiting: build/sine/host is in use by process ")
