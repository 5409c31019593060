"""What the command line promises of all commands alike."""

from __future__ import annotations

import argparse
import ast
import io
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest
from rich.console import Console
from tinydeploy import cli, models, pipeline, ui
from tinydeploy.commands import combinations, completion
from tinydeploy.config import ROOT
from tinydeploy.errors import UsageError
from tinydeploy.stages.build_options import BuildOptions

PACKAGE = ROOT / "scripts" / "tinydeploy"
COMMANDS = cli._commands_of(cli.make_parser())
PARSERS = COMMANDS | {
    f"bench {name}": one for name, one in cli._commands_of(COMMANDS["bench"]).items()
}
NOT_READ = {"simulate": {"pty"}, "bench": {"measure"}, "fuzz": {"campaign"}}  # what it does anyway
WITHOUT_RESULT = {"simulate", "completion"}

Functions = dict[tuple[str, str], ast.FunctionDef]


def functions() -> Functions:
    """Of the modules of `commands`, by module and name."""
    found = {}
    for path in (PACKAGE / "commands").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found[(path.stem, node.name)] = node
    return found


def reads(place: tuple[str, str], known: Functions, seen: set[tuple[str, str]]) -> set[str]:
    """Attributes of `options` that a function reads, or one that it names."""
    if place in seen or place not in known:
        return set()
    seen.add(place)
    found: set[str] = set()
    for node in ast.walk(known[place]):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found |= {node.attr} if node.value.id == "options" else set()
        if isinstance(node, ast.Name):
            found |= reads((place[0], node.id), known, seen)
        if not isinstance(node, ast.Call):
            continue
        if isinstance(node.func, ast.Name):
            if node.func.id == "getattr" and isinstance(node.args[1], ast.Constant):
                found.add(str(node.args[1].value))
        elif isinstance(node.func, ast.Attribute) and isinstance(node.func.value, ast.Name):
            found |= reads((node.func.value.id, node.func.attr), known, seen)
    return found


@pytest.mark.parametrize("name", PARSERS)
def test_every_option_is_read(name: str) -> None:
    run = PARSERS[name].get_default("run")
    found = reads((run.__module__.rsplit(".")[-1], run.__name__), functions(), set())
    declared = {action.dest for action in PARSERS[name]._actions}
    if name != "completion":  # a lambda
        assert declared - found - {"help", "quiet"} == NOT_READ.get(name, set())


def test_several_boards_heed_the_job_or_refuse_it() -> None:
    """`deploy --count 2 --hot-swap` built another image than it was told to."""
    code = (PACKAGE / "hardware" / "fleet.py").read_text()
    rule = next(rule for rule in combinations.RULES if rule.words == "--count")
    elsewhere = {"force", "data", "vectors"}  # refused, always so, by choose_vectors
    refused = {*rule.unused, *elsewhere}
    for field in fields(pipeline.Job):
        assert field.name in refused or f"job.{field.name}" in code, field.name


REFUSED = """\
deploy --count 2 --hot-swap
deploy --count 2 --wait-states
deploy --hot-swap --optimize size
deploy --key x
push --rollback --key x
deploy --engine interpreter --patch 2
deploy --link-port /dev/ttyX
deploy --flash-tool bossac
deploy --board host --modelled-baud
build --benchmark kws01
build --hot-swap --patch 2
compile --optimize size
verify --vector 3
verify --explain --link-vectors all
simulate --elf x.elf --model sine
simulate --elf x.elf --hot-swap
simulate --bootloader --mode mlperf
push --rollback --vectors 3
mlperf --mode accuracy --seconds 3
evaluate --data x --board nano33x
evaluate --data x --seed 3
train --words up,on --update
convert x.keras --quantize float --representative x.npy
doctor --fix --json
fuzz --case 3 --cases 4""".splitlines()


@pytest.mark.parametrize("line", REFUSED)
def test_what_would_do_nothing_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(line.split()) == 2
    assert re.search(r"error: --[a-z-]+ does nothing with ", capsys.readouterr().err)


@pytest.mark.parametrize("option", ["--retrain", "--variant=small"])
def test_a_file_has_no_recipe(option: str, capsys: pytest.CaptureFixture[str]) -> None:
    model = str(models.load("sine").tflite())
    assert cli.main(["build", "--model", model, option]) == 2
    assert f"{option.split('=')[0]} does not go with the file" in capsys.readouterr().err


def test_the_mlperf_firmware_is_made_as_it_was_told(monkeypatch: pytest.MonkeyPatch) -> None:
    from tinydeploy.mlperf import firmware

    seen: list[object] = []

    def stop(*arguments: object, **options: object) -> None:
        seen.extend(arguments)
        raise UsageError("seen")

    monkeypatch.setattr(firmware, "make_image", stop)
    assert cli.main(["build", "--model", "kws", "--mode", "mlperf", "--optimize", "size"]) == 2
    assert cli.main(["mlperf", "--model", "kws", "--optimize", "size"]) == 2
    goals = [each.choices.optimize for each in seen if isinstance(each, BuildOptions)]
    assert goals == ["size", "size"]


def test_a_name_that_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    said = {
        "deply": "`deploy`",
        "deploy --bord nano33": "`--board`",
        "deploy --board nano3": "`nano33`",
        "build --model knws": "`kws`",
        "train sin": "`sine`",
        "build --variant ds_cn": "`ds_cnn`",
        "build --engine compild": "`compiled`",
    }
    for line, word in said.items():
        assert cli.main(line.split()) in (2, 3)
        assert f"did you mean {word}?" in capsys.readouterr().err, line


def test_the_same_mistake_has_the_same_code() -> None:
    for line in ("deploy --model", "build --model", "inspect", "train", "push", "mlperf --model"):
        assert cli.main([*line.split(), "no-such-model"]) == 3, line
    for line in ("deploy", "build", "compile", "inspect sine", "simulate", "flash", "mlperf"):
        assert cli.main([*line.split(), "--board", "toaster"]) == 2, line


def test_each_command_is_in_one_group_of_the_help() -> None:
    listed = [name for names in cli.GROUPS.values() for name in names]
    assert sorted(listed) == sorted(COMMANDS)
    text = cli.make_parser().format_help()
    for title, names in cli.GROUPS.items():
        assert f"{title}:" in text
        assert all(re.search(rf"^  {name}  ", text, re.M) for name in names)


def test_json_wherever_there_is_a_result() -> None:
    for name, parser in PARSERS.items():
        has = any("--json" in action.option_strings for action in parser._actions)
        assert has != (name in WITHOUT_RESULT), name


@pytest.mark.parametrize("line", ["boards", "models", "compile --model sine", "inspect sine"])
def test_json(line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = ["--out", str(tmp_path)] if line.startswith("compile") else []
    assert cli.main([*line.split(), *out, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)


def test_figures_of_a_bench_go_to_a_file_or_to_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "arena.json"
    assert cli.main(["bench", "arena", "--models", "sine", "--json", str(file)]) == 0
    capsys.readouterr()
    assert cli.main(["bench", "arena", "--models", "sine", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == json.loads(file.read_text())


def test_inspect_several(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["inspect", "sine", "nothing", "kws", "--json"]) == 3
    found = json.loads(capsys.readouterr().out)
    assert [each["runs"] for each in found] == [True, False, True]
    assert cli.main(["inspect", "sine", "kws"]) == 0
    assert cli.main(["inspect", "sine", "kws", "--html", "x.html"]) == 2


@pytest.mark.parametrize("columns", [40, 60, 100])
def test_tables_heed_the_width(
    columns: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """And do not cut a number."""
    monkeypatch.setenv("COLUMNS", str(columns))
    assert cli.main(["inspect", "kws"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= columns
    assert not [line for line in lines if re.search(r"[\d,]{2,}…|CONV…", line)]
    assert any("DEPTHWISE_CONV_2D" in line for line in lines)


def test_progress_in_a_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ui, "LINE_EVERY_S", 0.0)
    out = io.StringIO()
    with ui.Ui(console=Console(file=out)).progress("mlperf performance") as tell:
        tell(2, 5)
    assert out.getvalue() == "mlperf performance: 2 of 5\n"
    with ui.Ui(quiet=True, console=Console(file=out)).progress("quiet") as tell:
        tell(2, 5)
    assert "quiet" not in out.getvalue()


def offered(line: str, script: Path) -> list[str]:
    """What bash offers for a line whose last word was begun."""
    words = line.split(" ")
    program = (
        f"source {script}; COMP_WORDS=({' '.join(map(repr, words))}); "
        f'COMP_CWORD={len(words) - 1}; _tinydeploy; printf "%s\\n" "${{COMPREPLY[@]}}"'
    )
    done = subprocess.run(["bash", "-c", program], capture_output=True, text=True, check=True)
    return done.stdout.split()


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash")
def test_bash_completes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["completion", "bash"]) == 0
    script = tmp_path / "completion.bash"
    script.write_text(capsys.readouterr().out)
    assert offered("tinydeploy de", script) == ["deploy"]
    assert set(COMMANDS) <= set(offered("tinydeploy ", script))
    assert offered("tinydeploy deploy --opti", script) == ["--optimize"]
    assert offered("tinydeploy deploy --engine c", script) == ["compiled"]
    assert offered("tinydeploy deploy --board spark", script) == ["sparkfun_edge"]
    assert offered("tinydeploy inspect k", script) == ["kws"]
    assert offered("tinydeploy deploy --data x", script) == []  # files: left to bash


def scripts() -> Iterator[tuple[str, str]]:
    yield "zsh", completion.zsh(COMMANDS)
    yield "fish", completion.fish(COMMANDS)


@pytest.mark.parametrize(("shell", "text"), list(scripts()), ids=["zsh", "fish"])
def test_other_shells_know_every_option(shell: str, text: str, tmp_path: Path) -> None:
    for name, parser in PARSERS.items():
        for action in parser._actions:
            for option in action.option_strings:
                shown = option if shell == "zsh" else re.sub("^(--?)", _fish_letter, option)
                assert shown in text, (name, option)
    within = {"zsh": "'\\''", "fish": "\\'"}[shell]  # an apostrophe of a help text
    assert text.replace(within, "").count("'") % 2 == 0
    if program := shutil.which(shell):
        file = tmp_path / "completion"
        file.write_text(text)
        subprocess.run([program, "-n", str(file)], check=True, env={**os.environ})


def _fish_letter(match: re.Match[str]) -> str:
    return "-l " if match[0] == "--" else "-s "


def test_no_option_is_declared_that_argparse_has_not(capsys: pytest.CaptureFixture[str]) -> None:
    """The rules name options that exist."""
    for rule in combinations.RULES:
        for name in rule.commands:
            known = {action.dest for action in PARSERS[name]._actions}
            assert known & set(rule.unused), (name, rule.words)
            assert isinstance(PARSERS[name], argparse.ArgumentParser)
