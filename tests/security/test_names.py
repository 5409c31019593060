"""Names are data: whatever a model, a recipe, a file or a device calls itself stays text."""

from __future__ import annotations

import ast
import copy
import io
import json
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import samples
from hostile_names import HOSTILE, tokens
from rich.console import Console
from tinydeploy import foreign, models, sources
from tinydeploy.abi import protocol
from tinydeploy.config import ROOT
from tinydeploy.errors import ModelFileError, TinyDeployError, UnsupportedModelError
from tinydeploy.graph import read_tflite, write_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type
from tinydeploy.mlperf import settings
from tinydeploy.report import html, markdown, terminal
from tinydeploy.report.model import Report
from tinydeploy.stages import inspect
from tinydeploy.stages.compile import compile_model
from tinydeploy.stages.compile_plan import compile_plan
from tinydeploy.ui import Ui

SINE = models.load("sine").tflite()
BENIGN = "ordinary"
WRITABLE = [name for name in HOSTILE if name != "unpaired"]  # what UTF-8, and so a file, can hold


def renamed(text: str) -> Model:
    """The sine model with `text` for every name in it."""
    model = read_tflite.load(SINE)
    model.description = text
    for subgraph in model.subgraphs:
        subgraph.name = text
        for tensor in subgraph.tensors:
            tensor.name = text
    for signature in model.signatures:
        signature.key = text
        signature.inputs = dict.fromkeys([text], next(iter(signature.inputs.values())))
        signature.outputs = dict.fromkeys([text], next(iter(signature.outputs.values())))
    return model


def written(folder: Path, text: str, stem: str = "model") -> Path:
    folder.mkdir(exist_ok=True)
    path = folder / f"{stem}.tflite"
    path.write_bytes(write_tflite.dump(renamed(text)))
    return path


def generated(tflite: Path, name: str, folder: Path) -> dict[str, str]:
    """All C++ that is made of a model, by either engine and for MLPerf's runner."""
    for engine in ("plan", "program"):
        (folder / engine).mkdir(parents=True)
    compile_plan(tflite, folder / "plan", name=name)
    compile_model(tflite, None, folder / "program", name=name, arena_bytes=4096)
    source = sources.Source(name, "folder", tflite, None, None, name)
    settings.write(settings.Settings(name), source, folder / "program")
    files = sorted(path for path in folder.rglob("*") if path.suffix in (".h", ".cc", ".cpp"))
    return {str(path.relative_to(folder)): path.read_text() for path in files}


@pytest.fixture(scope="module")
def benign(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    folder = tmp_path_factory.mktemp("benign")
    texts = generated(written(folder, BENIGN), BENIGN, folder / "out")
    assert {"plan/plan.cc", "plan/model.h", "program/model.h", "program/model.cc"} <= set(texts)
    return {name: without_hash(text) for name, text in texts.items()}


def without_hash(text: str) -> list[str]:
    """Tokens, without numbers: the file's bytes and its hash differ with its names."""
    return [token for token in tokens(text) if not token.startswith("0x") and not token.isdigit()]


@pytest.mark.parametrize("kind", WRITABLE)
def test_the_compiler_reads_the_same(
    kind: str, tmp_path: Path, benign: dict[str, list[str]]
) -> None:
    """Names of tensors and of the model: the token stream of all generated C++ is unchanged."""
    text = HOSTILE[kind]
    found = generated(written(tmp_path, text), text, tmp_path / "out")
    for name, source in found.items():
        assert "".join(without_hash(source)).replace(",", "") == "".join(benign[name]).replace(
            ",", ""
        ), name
        assert "\r" not in source


def test_the_tokenizer_sees_an_injection() -> None:
    """The check can fail: each way out of a comment or a string is seen."""
    plain = tokens("// x\nint y;")
    for text in ("newline", "carriage return"):
        assert tokens(f"// {HOSTILE[text]}\nint y;") != plain
    assert tokens("// evil \\\nint y;") != plain
    assert tokens("// x ??/\nint y;") != plain
    assert tokens("/* */ int injected; /* */\nint y;") != plain


@pytest.mark.parametrize("kind", HOSTILE)
def test_comments_and_strings_hold_any_text(kind: str) -> None:
    text = HOSTILE[kind]
    assert tokens(f"// {foreign.comment(text)}\nint y;") == ["int", "y", ";"]
    assert tokens(f"/* {foreign.comment(text)} */ int y;") == ["int", "y", ";"]
    assert tokens(f"x = {foreign.c_string(text)};") == ["x", "=", '"..."', ";"]
    assert foreign.safe_file_part(text).isidentifier() or foreign.safe_file_part(text)[0].isdigit()


@pytest.mark.parametrize("text", ["conv2d/Relu;bias", "モデル", "Größe 3×3", "[x]", "a\\b"])
def test_ordinary_names_stay(text: str) -> None:
    assert foreign.shown(text) == text


def harmless(shown: str) -> bool:
    """Nothing but visible characters and line ends."""
    return all(
        character == "\n" or unicodedata.category(character) not in ("Cc", "Cf", "Zl", "Zp", "Cs")
        for character in shown
    )


@pytest.mark.parametrize("kind", WRITABLE)
def test_inspect_shows_text(kind: str, tmp_path: Path) -> None:
    text = HOSTILE[kind]
    found = inspect.inspect(written(tmp_path, text))
    shown = inspect.to_text(found)
    assert harmless(shown)
    page = inspect.to_html(found)
    assert_only_our_tags(page, inspect.to_html(inspect.inspect(written(tmp_path / "b", BENIGN))))
    assert harmless(page)
    json.loads(inspect.to_json(found))


@pytest.mark.parametrize("kind", WRITABLE)
def test_an_operator_s_name_is_text(kind: str, tmp_path: Path) -> None:
    build = Builder()
    x = build.input((1, 4), Type.INT8)
    path = tmp_path / "op.tflite"
    made = build.op(HOSTILE[kind], [x], (1, 4), Type.INT8)
    path.write_bytes(write_tflite.dump(build.model(made)))
    with pytest.raises(TinyDeployError) as caught:
        compile_plan(path, tmp_path, name="x")
    assert isinstance(caught.value, UnsupportedModelError) or kind == "empty"
    assert harmless(told(caught.value))


def told(error: TinyDeployError) -> str:
    """An error as the terminal gets it."""
    out = io.StringIO()
    Ui(console=Console(file=out, width=200, highlight=False)).error(error)
    return out.getvalue()


@pytest.mark.parametrize("kind", HOSTILE)
def test_the_terminal_gets_text(kind: str) -> None:
    text, out = HOSTILE[kind], io.StringIO()
    ui = Ui(console=Console(file=out, width=200, highlight=False))
    ui.error(UnsupportedModelError(text, text))
    ui.warn(text)
    with ui.stage("compile") as stage:
        stage.detail = text
    assert harmless(out.getvalue())


class Tags(HTMLParser):
    """Counts elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[tuple[str, str]] = set()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.seen |= {(tag, name) for name, _ in attributes} | {(tag, "")}


def assert_only_our_tags(page: str, plain: str) -> None:
    parsed, expected = Tags(), Tags()
    parsed.feed(page)
    expected.feed(plain)
    assert parsed.seen <= expected.seen
    assert "49" not in page or "49" in plain or "{{7*7}}" in page


def everywhere(value: Any, text: str) -> Any:
    """A report with `text` for every string in it that a model, a recipe or a file may choose."""
    document = copy.deepcopy(value)
    accuracy = replace(
        document.accuracy, labels=tuple(text for _ in document.accuracy.labels), data=text
    )
    cycles = replace(
        document.cycles,
        per_op=tuple(replace(row, op=text, name=text) for row in document.cycles.per_op),
    )
    memory = document.memory and replace(
        document.memory,
        buffers=tuple(replace(buffer, tensor=text) for buffer in document.memory.buffers),
        op_names=tuple(text for _ in document.memory.op_names),
    )
    model = replace(
        document.model,
        name=text,
        title=text,
        source=text,
        inputs=tuple(replace(tensor, name=text) for tensor in document.model.inputs),
        outputs=tuple(replace(tensor, name=text) for tensor in document.model.outputs),
    )
    parity = replace(document.parity, first_mismatch=text)
    return replace(
        document,
        accuracy=accuracy,
        cycles=cycles,
        memory=memory,
        model=model,
        parity=parity,
        command=text,
    )


@pytest.fixture(scope="module")
def report() -> Report:
    return samples.keyword_spotter()


@pytest.mark.parametrize("kind", HOSTILE)
def test_reports_show_text(kind: str, report: Report) -> None:
    hostile, plain = everywhere(report, HOSTILE[kind]), everywhere(report, BENIGN)
    assert_only_our_tags(html.render(hostile), html.render(plain))
    assert harmless(html.render(hostile))
    page = markdown.render(hostile)
    assert harmless(page)
    if HOSTILE[kind]:  # what is empty is left out
        assert page.count("\n") == markdown.render(plain).count("\n")
    prose = page.split("## Reproduce")[0]  # behind it the command, in a block of code
    assert not re.search(r"(?<!\\)\[[^]\n]*\]\(", prose)  # no link
    out = io.StringIO()
    terminal.show(hostile, Console(file=out, width=100))
    assert harmless(out.getvalue())


@pytest.mark.parametrize("kind", [kind for kind in WRITABLE if kind not in ("path", "long")])
def test_a_file_s_name_is_text(kind: str, tmp_path: Path) -> None:
    name = HOSTILE[kind].replace("/", "_") or "empty"
    path = tmp_path / f"{name}.tflite"
    path.write_bytes(SINE.read_bytes())
    source = sources.resolve(str(path), None, False, None, Ui(quiet=True))
    assert harmless(source.name)
    assert harmless(source.origin)
    folder = Path(source.folder)
    assert folder.name == source.folder
    assert source.folder not in ("", ".", "..")


@pytest.mark.parametrize("kind", WRITABLE)
def test_what_a_device_says_is_text(kind: str) -> None:
    packed = protocol.DiagnoseReply.pack(message=HOSTILE[kind].encode()[:96])
    assert harmless(str(protocol.DiagnoseReply.unpack(packed)["message"]))


def _unescaped(path: Path) -> Iterator[str]:
    """f-strings given to `.say(...)` that put a value between markup without escaping it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        is_say = isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
        if not is_say or node.func.attr != "say" or "flash" in path.parts:
            continue
        for part in [] if _is_escaped(node.args[0]) else ast.walk(node):
            if isinstance(part, ast.FormattedValue) and not _is_safe(part):
                yield f"{path.name}:{node.lineno}: {ast.unparse(part.value)}"


def _is_escaped(node: ast.expr) -> bool:
    return isinstance(node, ast.Call) and ast.unparse(node.func) in ("escape", "_text")


def _is_safe(part: ast.FormattedValue) -> bool:
    if _is_escaped(part.value):
        return True
    form = ast.unparse(part.format_spec) if part.format_spec else ""
    return any(sign in form for sign in ",.gdf<") or ast.unparse(part.value) in (
        "mark",
        "taken",
        "where",
    )


def test_whoever_writes_markup_escapes_values() -> None:
    found = [
        line
        for path in (ROOT / "scripts" / "tinydeploy").rglob("*.py")
        for line in _unescaped(path)
    ]
    assert not [line for line in found if not _counts(line)]


def _counts(line: str) -> bool:
    """Numbers of our own: `len(...)`, an index, a seed."""
    value = line.split(": ", 1)[1]
    return value.startswith("len(") or value.rsplit(".", 1)[-1] in (
        *("op_index", "mismatching_bytes", "bytes", "seed", "model", "name"),
    )


@pytest.mark.parametrize("value", ["../kws/ds_cnn.tflite", "/etc/passwd", "..", "a/b", "", "x\ny"])
@pytest.mark.parametrize("what", ["tflite", "name", "variant"])
def test_a_recipe_stays_in_its_folder(what: str, value: str, tmp_path: Path) -> None:
    recipe = (ROOT / "models" / "sine" / "model.toml").read_text()
    old, new = {
        "tflite": ('tflite = "sine_int8.tflite"', f"tflite = {json.dumps(value)}"),
        "name": ('name = "sine"', f"name = {json.dumps(value)}"),
        "variant": ("[variants.int8]", f"[variants.{json.dumps(value)}]"),
    }[what]
    assert old in recipe
    (tmp_path / "model.toml").write_text(recipe.replace(old, new))
    with pytest.raises(ModelFileError, match="make a name"):
        models.load_folder(tmp_path)
