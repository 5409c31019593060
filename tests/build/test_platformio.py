"""PlatformIO as its users know it, whichever they have: VS Code's, or that of another environment."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from foreign_platformio import ForeignPlatformio
from tinydeploy import boards
from tinydeploy.config import BUILD_DIR, FIRMWARE_DIR, ROOT
from tinydeploy.stages import build as build_stage
from tinydeploy.stages import program_folder

STAND_IN = Path(__file__).parent / "arduino_stand_in"


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> ForeignPlatformio:
    if Path(sys.prefix) != ROOT / ".venv":
        pytest.skip("hands over to .venv, and the tests run elsewhere")
    return ForeignPlatformio(tmp_path_factory.mktemp("foreign"))


def tracked_and_strange() -> str:
    """What git sees changed, added, or ignored outside of build/."""
    command = ["git", "status", "--porcelain", "--ignored", "--", "firmware", "boards"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return re.sub(r"^.*__pycache__/\n", "", done.stdout, flags=re.MULTILINE)


def test_a_foreign_platformio_builds_the_image_that_deploy_builds(
    foreign: ForeignPlatformio, tmp_path: Path
) -> None:
    """It has neither compiler nor SCons, nor what tinydeploy needs."""
    assert not any(map(foreign.has, ("rich", "SCons", "ziglang", "tflite_micro")))
    before = tracked_and_strange()
    said = foreign.run("run", "-e", "nano33", cwd=ROOT).stdout
    assert "arena" in said  # the compile stage
    program = Path((BUILD_DIR / "platformio/nano33/program.txt").read_text(encoding="utf-8"))
    board = boards.load("nano33")
    made = build_stage.object_folder(board, "zig", program) / "firmware.bin"
    deployed = subprocess.run(
        [sys.executable, "-m", "tinydeploy", "build", "--model", "kws", "--quiet"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    assert made.read_bytes() == Path(deployed).with_suffix(".bin").read_bytes()
    build_id = bytes.fromhex(build_stage.build_id(program, board, "zig"))
    assert build_id[:16] in made.read_bytes()
    assert program_folder.read(program).is_compiled
    assert not (foreign.home / ".platformio").exists()
    assert tracked_and_strange() == before


@pytest.mark.parametrize(
    "arguments",
    [
        ("run", "--list-targets", "-e", "nano33"),
        ("run", "-t", "envdump", "-e", "nano33"),
        ("project", "metadata", "-e", "nano33", "--json-output"),
        ("pkg", "list", "-e", "nano33"),
        ("pkg", "install", "-e", "nano33"),
        ("test", "--list-tests", "-e", "nano33"),
    ],
    ids=lambda words: words[1].lstrip("-"),
)
def test_what_needs_no_model_compiles_none(
    foreign: ForeignPlatformio, arguments: tuple[str, ...]
) -> None:
    note = BUILD_DIR / "platformio" / "nano33" / "program.txt"
    note.unlink(missing_ok=True)
    said = foreign.run(*arguments, cwd=ROOT).stdout
    assert not note.exists()
    assert "compile " not in said
    assert "Traceback" not in said


def test_targets_are_listed(foreign: ForeignPlatformio) -> None:
    said = foreign.run("run", "--list-targets", "-e", "nano33", cwd=ROOT).stdout
    assert {"size", "upload"} <= set(said.split())


def test_an_editor_gets_include_paths(foreign: ForeignPlatformio) -> None:
    said = foreign.run("project", "metadata", "-e", "nano33", "--json-output", cwd=ROOT).stdout
    found = json.loads(said[said.index("{") :])["nano33"]["includes"]["build"]
    assert str(FIRMWARE_DIR) in found


def test_check_says_what_to_run_without_the_registry(foreign: ForeignPlatformio) -> None:
    dead = {"HTTPS_PROXY": "http://127.0.0.1:9", "HTTP_PROXY": "http://127.0.0.1:9"}
    assert foreign.says("check", "-e", "nano33", wanted="pio run -e host", cwd=ROOT, **dead)


def test_pio_test_compares_with_tflm(foreign: ForeignPlatformio, tmp_path: Path) -> None:
    found = tmp_path / "found.json"
    few = ("-a", "--vectors=3")
    foreign.run("test", "-e", "nano33", *few, "--json-output-path", str(found), cwd=ROOT)
    suites = json.loads(found.read_text(encoding="utf-8"))["test_suites"]
    cases = [case for suite in suites for case in suite.get("test_cases", ())]
    assert [case["status"] for case in cases] == ["PASSED"]
    assert "3 vectors, 12 output bytes, 0 differ" in cases[0]["message"]


def test_clean_removes_the_objects_and_no_model(foreign: ForeignPlatformio) -> None:
    objects = BUILD_DIR / "pio" / "nano33-trial-of-clean"
    objects.mkdir(parents=True)
    others = [path for path in objects.parent.glob("nano33-*") if path != objects]
    parked = objects.parent / "parked"
    parked.mkdir()
    for path in others:  # other tests go on with them
        path.rename(parked / path.name)
    try:
        foreign.run("run", "-e", "nano33", "-t", "clean", cwd=ROOT)
        assert not objects.exists()
    finally:
        for path in parked.iterdir():
            path.rename(objects.parent / path.name)
        parked.rmdir()


def test_a_copied_checkout_builds_itself(foreign: ForeignPlatformio, tmp_path: Path) -> None:
    """PlatformIO's note of where the platform lies is copied with build/."""
    foreign.run("pkg", "install", "-e", "nano33", cwd=ROOT)
    copy = tmp_path / "copy"
    for name in ("firmware/platformio", "boards", "build/platformio"):
        shutil.copytree(ROOT / name, copy / name)
    shutil.copy(ROOT / "platformio.ini", copy)
    first = foreign.run("pkg", "install", "-e", "nano33", cwd=copy, check=False)
    assert "copied or moved" in first.stdout
    foreign.run("pkg", "install", "-e", "nano33", cwd=copy)
    links = list((copy / "build/platformio/core/platforms").glob("*.pio-link"))
    assert json.loads(links[0].read_text())["cwd"] == str(copy)


def arduino_project(folder: Path) -> dict[str, str]:
    """platformio.ini with stand-ins for what comes from the registry; variables that go with it."""
    library = folder / "tflite-micro-arduino-examples"
    shutil.copytree(FIRMWARE_DIR / "tflm", library / "src", ignore=shutil.ignore_patterns("*.cpp"))
    shutil.copytree(FIRMWARE_DIR / "runtime", library / "src" / "runtime")
    for source in (library / "src").rglob("*.cpp"):
        source.unlink()
    (library / "library.json").write_text(
        json.dumps({"name": "Arduino_TensorFlowLite", "version": "2.4.0", "frameworks": "*"})
    )
    text = (ROOT / "platformio.ini").read_text(encoding="utf-8")
    text, platforms = re.subn(
        r"^platform = nordicnrf52$", f"platform = symlink://{STAND_IN / 'nordicnrf52'}", text, flags=re.M
    )
    text, libraries = re.subn(
        r"^lib_deps = https://\S+/tflite-micro-arduino-examples\.git$",
        f"lib_deps = symlink://{library}",
        text,
        flags=re.M,
    )
    assert (platforms, libraries) == (1, 1)
    (folder / "stand_in.ini").write_text(text, encoding="utf-8")
    return {
        "PLATFORMIO_CORE_DIR": str(folder / "core"),
        "PLATFORMIO_WORKSPACE_DIR": str(folder / "work"),
        "PLATFORMIO_BUILD_DIR": str(folder / "objects"),
    }


def provide_scons(core: Path) -> None:
    """The registry's package tool-scons, for whichever version."""
    from platformio.dependencies import get_core_dependencies

    version = get_core_dependencies()["tool-scons"].lstrip("~")
    folder = core / "packages" / "tool-scons"
    folder.mkdir(parents=True)
    manifest = {"name": "tool-scons", "version": version}
    spec = {"owner": "platformio", "id": None, "name": "tool-scons", "requirements": None}
    (folder / "package.json").write_text(json.dumps(manifest))
    (folder / ".piopm").write_text(json.dumps(manifest | {"type": "tool", "spec": spec}))
    ours = FIRMWARE_DIR / "platformio" / "start" / "scons.py"
    (folder / "scons.py").write_text(f"import runpy; runpy.run_path({str(ours)!r}, run_name='x')")


def test_the_arduino_build_compiles_as_the_core_does(
    foreign: ForeignPlatformio, tmp_path: Path
) -> None:
    """The application, the board's file and model.cc, with the library's headers, as gnu++14."""
    if shutil.which("g++") is None:
        pytest.skip("no g++ on the PATH")
    variables = arduino_project(tmp_path)
    provide_scons(tmp_path / "core")
    said = foreign.run(
        *("run", "-c", str(tmp_path / "stand_in.ini"), "-e", "nano33_arduino"),
        cwd=ROOT,
        **variables,
    ).stdout
    made = set(re.findall(r"^Compiling .*/(\w+)(?:\.\w+)?\.o$", said, re.MULTILINE))
    application = {path.stem for path in (FIRMWARE_DIR / "app").glob("*.cpp")}
    application = {name for name in application if not name.startswith("slots")}
    assert made >= application | {"main", "server", "board", "model", "Wire"}
