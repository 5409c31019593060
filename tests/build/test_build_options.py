"""What is built is one value, and nothing in it is left unread on the way to the compiler."""

from __future__ import annotations

import json
from dataclasses import fields, replace
from pathlib import Path

import pytest
from tinydeploy import boards
from tinydeploy.config import FIRMWARE_DIR, MODELS_DIR, ROOT
from tinydeploy.errors import BuildError, UsageError
from tinydeploy.lower.compile_options import Choices
from tinydeploy.stages import program_folder
from tinydeploy.stages.build import build, build_id
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.compile import compile_model
from tinydeploy.stages.compile_plan import compile_plan
from tinydeploy.stages.flavour import Flavour, Recipe
from tinydeploy.stages.program_folder import OPTIONS_FILE, FirmwareOptions

SINE = MODELS_DIR / "sine" / "sine_int8.tflite"
KEY = bytes(range(32))
BUILDER = FIRMWARE_DIR / "platformio" / "builder" / "main.py"
SOURCES = [BUILDER, *(ROOT / "scripts/tinydeploy/stages").glob("*.py")]
CODE = "\n".join(path.read_text(encoding="utf-8") for path in SOURCES)
SWAP = BuildOptions("interpreter", flavour=Flavour.HOT_SWAP)
# One that differs from the plain firmware in each way that there is.
OTHERS = {
    "engine": BuildOptions("compiled"),
    "choices": BuildOptions("compiled", Choices("size")),
    "flavour": SWAP,
    "push_key": replace(SWAP, push_key=KEY),
}


@pytest.mark.parametrize("field", [each.name for each in fields(BuildOptions)])
def test_every_option_is_read(field: str) -> None:
    assert f"options.{field}" in CODE.replace(BUILDER.read_text(encoding="utf-8"), "")


@pytest.mark.parametrize("field", [each.name for each in fields(FirmwareOptions)])
def test_the_builder_reads_what_it_is_told(field: str) -> None:
    assert f"options.{field}" in BUILDER.read_text(encoding="utf-8")


@pytest.mark.parametrize("field", [each.name for each in fields(Recipe)])
def test_all_of_a_recipe_is_followed(field: str) -> None:
    assert f"recipe.{field}" in CODE


@pytest.mark.parametrize("flavour", Flavour, ids=lambda each: each.value)
def test_every_flavour_can_be_told(flavour: Flavour, tmp_path: Path) -> None:
    told = program_folder.put(tmp_path, BuildOptions("interpreter", flavour=flavour))
    assert told.flavour is flavour
    assert program_folder.read(tmp_path) == told
    for part, _ in flavour.recipe.parts:
        assert (FIRMWARE_DIR / part).is_dir()


@pytest.mark.parametrize("name", OTHERS)
def test_what_is_put_is_read_and_part_of_the_build_id(name: str, tmp_path: Path) -> None:
    board = boards.load("nano33")
    for file in ("model.h", "model.cc", "plan.cc"):
        (tmp_path / file).write_text("")
    ids = {}
    for each, options in {"plain": BuildOptions("interpreter"), **OTHERS}.items():
        assert program_folder.put(tmp_path, options) == program_folder.read(tmp_path)
        ids[each] = build_id(tmp_path, board, "zig")
    assert [each for each, found in ids.items() if found == ids[name]] == [name]


def test_a_plain_program_needs_no_word(tmp_path: Path) -> None:
    program_folder.put(tmp_path, SWAP)
    assert (tmp_path / OPTIONS_FILE).is_file()
    program_folder.put(tmp_path, BuildOptions())
    assert not (tmp_path / OPTIONS_FILE).exists()
    assert program_folder.read(tmp_path) == FirmwareOptions(is_compiled=False)


@pytest.mark.parametrize(
    "change", [{"colour": 1}, {"flavour": "sweet"}, {"flavour": 7}], ids=lambda each: str(each)
)
def test_what_nothing_reads_is_refused(change: dict[str, object], tmp_path: Path) -> None:
    program_folder.put(tmp_path, SWAP)
    file = tmp_path / OPTIONS_FILE
    file.write_text(json.dumps({**json.loads(file.read_text()), **change}))
    with pytest.raises(BuildError, match=r"program\.json is not what this tinydeploy writes"):
        program_folder.read(tmp_path)


def test_a_key_guards_nothing_but_slots() -> None:
    with pytest.raises(UsageError, match="push key does nothing without hot swap"):
        BuildOptions(push_key=KEY)


def test_the_engine_may_change_in_a_folder(tmp_path: Path) -> None:
    """It failed with a duplicate symbol: the source of the engine before stays where it is."""
    board, folder = boards.load("nano33"), tmp_path / "program"
    for engine in ("compiled", "interpreter"):
        if engine == "compiled":
            program = compile_plan(SINE, folder, name="sine")
        else:
            program = compile_model(SINE, board, folder, name="sine", arena_bytes=4096)
        built = build(folder, board, BuildOptions(engine), out_dir=tmp_path / engine)
        in_flash = {"compiled": 16, "interpreter": program.model_bytes}  # a stand-in, or all of it
        assert built.sizes.model_bytes == in_flash[engine]
    assert (folder / "plan.cc").is_file()
