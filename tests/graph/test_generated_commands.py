"""The commands that generated files name, run as they stand there."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from tinydeploy import cli
from tinydeploy.config import MODELS_DIR
from tinydeploy.lower.compile_options import Choices
from tinydeploy.stages.compile import compile_model
from tinydeploy.stages.compile_plan import compile_plan


def commands(text: str) -> list[str]:
    return re.findall(r"tinydeploy compile [^`\n]*", text)


@pytest.mark.parametrize("name", ["sine_int8.tflite", "my model's.tflite"])
def test_a_plan_is_made_again_by_its_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    tflite = tmp_path / name
    shutil.copy(MODELS_DIR / "sine" / "sine_int8.tflite", tflite)
    program = compile_plan(tflite, tmp_path, name=tflite.stem, choices=Choices(optimize="size"))
    before = program.source.read_text(encoding="utf-8")
    texts = (before, program.header.read_text(encoding="utf-8"))
    monkeypatch.chdir(tmp_path)
    for command in [found for text in texts for found in commands(text)]:
        assert cli.main(shlex.split(command)[1:]) == 0, command
    assert cli.main(shlex.split(commands(before)[0])[1:]) == 0
    assert program.source.read_text(encoding="utf-8").splitlines()[1:] == before.splitlines()[1:]


def test_a_model_to_interpret_names_a_command_that_the_parser_takes(tmp_path: Path) -> None:
    tflite = tmp_path / "x.tflite"
    shutil.copy(MODELS_DIR / "sine" / "sine_int8.tflite", tflite)
    program = compile_model(tflite, None, tmp_path, name="x", arena_bytes=1024)
    for text in (program.header.read_text(), program.source.read_text()):
        (command,) = commands(text)
        options = cli.make_parser().parse_args(shlex.split(command)[1:])
        assert (options.model, options.engine) == ("x.tflite", "interpreter")
