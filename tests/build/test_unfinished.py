"""A build that was cut off, at whichever moment, leaves nothing that is believed."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tinydeploy import boards, cli, images, pipeline, programs, sources, whole
from tinydeploy.graph import read_tflite
from tinydeploy.models import load
from tinydeploy.sources import Source
from tinydeploy.stages import build, unfinished
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages import image as image_stage
from tinydeploy.ui import Ui

E2E = Path(__file__).resolve().parents[1] / "e2e"
BOARD = boards.load("nano33")
QUIET = Ui(quiet=True)


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Marks and objects of this test alone."""
    monkeypatch.setattr(unfinished, "BUILD_DIR", tmp_path)
    monkeypatch.setattr(unfinished, "_begun", [])
    return tmp_path / "unfinished"


def objects(folder: Path, *names: str) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("of some model")
    return paths


def test_objects_stay_after_a_build_that_ended(tmp_path: Path, marks: Path) -> None:
    (kept,) = objects(tmp_path / "objects", "program/model.o")
    for _ in range(2):
        unfinished.begin(tmp_path / "objects")
        assert len(list(marks.iterdir())) == 1
        unfinished.noted(0, [], "firmware.elf")
        assert list(marks.iterdir()) == []
    assert kept.is_file()


def test_objects_go_after_one_that_was_killed(
    tmp_path: Path, marks: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unfinished.begin(tmp_path / "objects")
    (gone,) = objects(tmp_path / "objects", "program/model.o")
    (other,) = objects(tmp_path / "others", "program/model.o")
    monkeypatch.setattr(unfinished, "_begun", [])  # another process
    unfinished.begin(tmp_path / "objects")
    unfinished.begin(tmp_path / "others")
    assert not gone.exists()
    assert other.exists()


def test_objects_go_after_a_failure(tmp_path: Path, marks: Path) -> None:
    """SCons keeps its old notes of an object that was not finished, and the object."""
    folder = tmp_path / "objects"
    unfinished.begin(folder)
    (half,) = objects(folder, "program/model.o")
    unfinished.noted(2, [half], "firmware.elf")
    unfinished.begin(folder)
    assert not half.exists()


def test_objects_stay_where_the_image_does_not_fit(tmp_path: Path, marks: Path) -> None:
    """The next attempt is to be fast; but half an image is not one."""
    folder = tmp_path / "objects"
    unfinished.begin(folder)
    kept, elf = objects(folder, "program/model.o", "firmware.elf")
    unfinished.noted(2, [elf], "firmware.elf")
    assert not elf.exists()
    unfinished.begin(folder)
    assert kept.exists()


def test_objects_go_after_an_interrupt(tmp_path: Path, marks: Path) -> None:
    """Nothing failed, not all was made."""
    unfinished.begin(tmp_path / "objects")
    unfinished.noted(2, [], "firmware.elf")
    assert len(list(marks.iterdir())) == 1


def test_scons_says_so(tmp_path: Path) -> None:
    """In the real build: the mark is there while it compiles, and stays when that fails."""
    mark = unfinished.mark_of(build.object_folder(BOARD, "zig", tmp_path, ""))
    (tmp_path / "model.h").write_text("#error this is no model\n")
    (tmp_path / "model.cc").write_text("")
    with build.one_at_a_time():
        with pytest.raises(build.BuildError, match="this is no model"):
            build.run_platformio(tmp_path, BOARD, "zig", "")
        assert mark.is_file()
    source = sources.resolve("sine", None, False, None, QUIET)
    image = images.make_image(source, BOARD, BuildOptions("interpreter"), QUIET)[1]
    if image.cached:  # then nobody has mended it
        with build.one_at_a_time():
            folder = programs.output_folder(source, BOARD) / "program"
            build.run_platformio(folder, BOARD, "zig", "")
    assert not mark.exists()


class Twins:
    """Two models that differ in their weights alone, deployed without a compiler: the object folder
    gets, in two writes, the image that was built of the program before.
    """

    def __init__(self, folder: Path) -> None:
        self._file, self._count = folder / "net.tflite", folder / "count"
        self._folder, self._images = folder / "objects", {}
        self.models = _twins()
        for model in self.models:
            self._file.write_bytes(model)
            options = BuildOptions("compiled")
            program, image = images.make_image(self.source, BOARD, options, QUIET)
            self._images[_program(program.folder)] = image.elf.read_bytes()

    @property
    def source(self) -> Source:
        """The model that is there now."""
        return sources.resolve(str(self._file), None, False, None, QUIET)

    def replace_the_build(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on."""
        monkeypatch.setattr(build, "run_platformio", self._fake)
        monkeypatch.setattr(build, "object_folder", lambda *_: self._folder)

    def _fake(self, program_dir: Path, *_: object, **__: object) -> None:
        data = self._images[_program(program_dir)]
        with (self._folder / "firmware.elf").open("wb") as file:
            file.write(data[: len(data) // 2])
            file.flush()
            (self._folder / "half").mkdir(exist_ok=True)  # a moment to kill at
            file.write(data[len(data) // 2 :])

    @property
    def arguments(self) -> list[str]:
        """The command line that deploys the model that is there now."""
        return ["deploy", "--model", str(self._file), "--engine", "compiled", "--vectors", "2"]

    def put(self, model: int) -> None:
        """Let it be the one to deploy."""
        self._folder.mkdir(exist_ok=True)
        self._file.write_bytes(self.models[model])

    def deploy(self, model: int, at: int | None = None) -> tuple[list[Any], int]:
        """Fields of the report, and how many moments there were; killed at one: no fields."""
        self.put(model)
        self._count.write_bytes(b"")
        reading, writing = os.pipe()
        process = os.fork()
        if process == 0:
            _in_child(writing, self._count, at, self._report)
        os.close(writing)
        with open(reading) as pipe:
            said = pipe.read()
        os.waitpid(process, 0)
        return json.loads(said or "[]"), self._count.stat().st_size

    def _report(self) -> list[Any]:
        job = pipeline.Job(
            "nano33", str(self._file), build=BuildOptions("compiled"), vectors=2
        )
        report = pipeline.deploy(job, QUIET)
        page = pipeline.report_path(report).with_suffix(".json")
        stored = json.loads(page.read_text(encoding="utf-8"))
        image = page.parent / "firmware/firmware.bin"
        hashes = stored["hashes"]
        of_image = hashlib.sha256(image.read_bytes()).hexdigest()
        named = [hashes[name] for name in ("model", "firmware", "build", "outputs")]
        return [*named, of_image, stored["parity"]["mismatching_bytes"], stored["cycles"]["mean"]]


def _in_child(writing: int, count: Path, at: int | None, report: Callable[[], list[Any]]) -> None:
    try:
        os.setsid()
        sys.path.insert(0, str(E2E / "killing"))
        for name in ("TINYDEPLOY_KILL_COUNT", "sitecustomize"):
            os.environ.pop(name, None)
            sys.modules.pop(name, None)
        import sitecustomize as killing

        os.environ[killing.FIRST] = str(os.getpid())
        if at is not None:
            killing.install(os.open(count, os.O_WRONLY | os.O_APPEND), at)
        text = json.dumps(report())
        with open(writing, "w") as pipe:
            pipe.write(text)
    finally:
        os.kill(os.getpid(), signal.SIGKILL)


def _program(folder: Path) -> str:
    return (folder / "plan.cc").read_text(encoding="utf-8")


def _twins() -> tuple[bytes, bytes]:
    data = load("sine").tflite().read_bytes()
    constants = [t.data.tobytes() for t in read_tflite.load(data).main.tensors if t.data is not None]
    weights = max(constants, key=len)
    return data, data.replace(weights, weights[::-1])


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Twins:
    return Twins(tmp_path_factory.mktemp("twins"))


@pytest.fixture
def twins(built: Twins, monkeypatch: pytest.MonkeyPatch) -> Twins:
    built.replace_the_build(monkeypatch)
    return built


def test_killed_at_any_moment_the_next_is_right(twins: Twins) -> None:
    """`python tests/e2e/kill_anywhere.py` does it at each, with compiler, SCons and engines."""
    expected = [twins.deploy(model)[0] for model in (0, 1)]
    assert all(fields[4] == fields[1] for fields in expected), "the image that the report names"
    assert expected[0][1] != expected[1][1]
    moments = twins.deploy(0, 0)[1]
    assert moments > 20
    state = 0
    for at in range(1, moments + 1, 3):
        killed = 1 - state
        assert twins.deploy(killed, at)[0] == []
        state = killed if at % 2 else state  # the one that was killed, or the one before
        assert twins.deploy(state)[0] == expected[state], f"after a kill at moment {at}"


def test_an_image_that_changed_is_not_the_one_that_was_verified(twins: Twins) -> None:
    """A cached verification is of bytes, not of what they should have been made from."""
    expected = twins.deploy(0)[0]
    elf = programs.output_folder(twins.source, BOARD) / "firmware/firmware.elf"
    right = elf.read_bytes()
    wrong = [data for data in twins._images.values() if data != right][0]
    elf.write_bytes(wrong)
    assert image_stage.flash_bytes_of(elf, BOARD.flash_origin)
    assert twins.deploy(0)[0] == expected
    assert elf.read_bytes() == right


class Disk:
    """Has room for so many files of ours, and for half of the next one."""

    def __init__(self, files: int, put: Callable[[Path, bytes], None]) -> None:
        self.left, self._put = files, put

    def put(self, path: Path, data: bytes) -> None:
        """In place of `whole._put`."""
        self.left -= 1
        if self.left >= 0:
            self._put(path, data)
            return
        path.write_bytes(data[: len(data) // 2])
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))


def test_a_disk_that_is_full_is_told_and_does_no_harm(
    twins: Twins, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`python tests/e2e/fill_disk.py` does it with a disk that is full for all programs."""
    expected = [twins.deploy(model)[0] for model in (0, 1)]
    for room in range(100):
        twins.put(room % 2)
        disk = Disk(room, whole._put)
        with monkeypatch.context() as patched:
            patched.setattr(whole, "_put", disk.put)
            code = cli.main(twins.arguments)
        told = " ".join(capsys.readouterr().err.split())
        if disk.left >= 0:
            assert code == 0
            break
        assert code == 4, told
        assert "error: the disk is full: cannot write" in told
        assert twins.deploy(room % 2)[0] == expected[room % 2]
    assert room > 5
