"""A user's model by its bytes: whatever it is called, as C source, with several functions."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinydeploy import models, sources
from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.graph import c_array, read_tflite, signatures, write_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Signature, Type
from tinydeploy.judge import Judge
from tinydeploy.sources import Given, Source
from tinydeploy.ui import Ui


@pytest.fixture(scope="module")
def sine() -> bytes:
    return models.load("sine").tflite().read_bytes()


@pytest.fixture(autouse=True)
def build_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sources, "BUILD_DIR", tmp_path / "build")


def taken(path: Path, **given: str) -> Source:
    return sources.resolve(str(path), None, False, None, Ui(quiet=True), Given(**given))


@pytest.mark.parametrize(
    "name", ["model", "model.lite", "model.tflite.txt", "model.bin", "m.keras"]
)
def test_tflite_whatever_its_name(sine: bytes, tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(sine)
    assert taken(tmp_path / name).data == sine


def test_a_damaged_file_is_named(sine: bytes, tmp_path: Path) -> None:
    (tmp_path / "cut.tflite").write_bytes(sine[:1000])
    with pytest.raises(ModelFileError, match=r"^cut\.tflite is damaged"):
        taken(tmp_path / "cut.tflite")


def hexadecimal(data: bytes) -> str:
    return ", ".join(f"0x{value:02x}" for value in data)


STYLES = {
    "xxd.h": """unsigned char m_tflite[] = {{
  {hex}
}};
unsigned int m_tflite_len = {size};
""",
    "arduino.h": """#pragma once
#include <pgmspace.h>
const unsigned char model[] PROGMEM = {{ {hex}, }};
""",
    "tflm.cc": """alignas(16) const unsigned char g_model[] = {{{hex}}};
const int g_model_len = {size};
""",
    "sized.cpp": """const uint8_t m[{size}] __attribute__((aligned(4))) = {{ {decimal} }};""",
    "macro.h": """#ifdef A
#define ALIGN __attribute__((aligned(8)))
#endif
const unsigned char g[] ALIGN = {{{hex}}};
""",
    "commented.c": """/* int x[] = {{1}}; */
static const char g[] = {{ // TFL3 {{
{signed} /* end */ }};
""",
    "beside.ino": """const int pins[] = {{1, 2, 300}};
const char *names[] = {{"a"}};
const byte g[] = {{{hex}}};
""",
}


@pytest.mark.parametrize("name", STYLES)
def test_c_source_as_people_publish_it(sine: bytes, tmp_path: Path, name: str) -> None:
    text = STYLES[name].format(
        hex=hexadecimal(sine),
        size=len(sine),
        decimal=",".join(map(str, sine)),
        signed=",".join(str(value - 256 if value > 127 else value) for value in sine),
    )
    (tmp_path / name).write_text(text, encoding="utf-8")
    source = taken(tmp_path / name)
    assert source.data == sine
    assert source.origin.endswith("[]")
    assert source.name == Path(name).stem


def test_what_compile_writes_is_read(sine: bytes, tmp_path: Path) -> None:
    from tinydeploy import boards
    from tinydeploy.stages.compile import compile_model

    program = compile_model(
        models.load("sine").tflite(), boards.load("host"), tmp_path, name="s", arena_bytes=4096
    )
    assert c_array.read(program.source)[0] == sine
    with pytest.raises(ModelFileError, match=r"only declares g_model\[\]"):
        c_array.read(program.header)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("int x;", "no array of bytes that is a .tflite"),
        ("const unsigned char g[] = {0x1c, 0x00, A_MACRO};", "no array of bytes"),
        ("extern const unsigned char g_model[];", r"only declares g_model\[\]"),
        ("unsigned char g[] = {{{hex}}};\nunsigned char h[] = {{{hex}}};", "2 models: g, h"),
        ("unsigned char g[] = {{{hex}}};\nunsigned int g_len = 9999;", "g_len says 9,999"),
    ],
)
def test_c_source_that_has_no_model(sine: bytes, tmp_path: Path, text: str, message: str) -> None:
    text = text.format(hex=hexadecimal(sine)) if "hex" in text else text
    (tmp_path / "model.h").write_text(text, encoding="utf-8")
    with pytest.raises(ModelFileError, match=message) as caught:
        taken(tmp_path / "model.h")
    assert caught.value.hint


def test_what_is_no_model_says_what_it_may_be(tmp_path: Path) -> None:
    (tmp_path / "model.onnx").write_bytes(b"\x08\x07\x12\x04")
    with pytest.raises(
        ModelFileError, match=r"neither a .tflite, nor .* perhaps a SavedModel or ONNX"
    ):
        taken(tmp_path / "model.onnx")
    (tmp_path / "folder").mkdir()
    with pytest.raises(ModelFileError, match="it is a folder"):
        taken(tmp_path / "folder")


def two_functions() -> Model:
    """`double` of 4 numbers in the first subgraph; `select` of 3, which calls others, behind it."""
    build = Builder()
    x = build.input((1, 4), Type.FLOAT32)
    two = build.constant(np.array([2], np.float32))
    y = build.op("MUL", [x, two], (1, 4), Type.FLOAT32)
    model = build.model(y)
    called = Builder("called")
    a = called.input((1, 3), Type.FLOAT32)
    three = called.constant(np.array([3], np.float32))
    b = called.op("MUL", [a, three], (1, 3), Type.FLOAT32)
    select = Builder("select")
    condition = select.constant(np.array([True]))
    c = select.input((1, 3), Type.FLOAT32)
    options = {"then_subgraph_index": 1, "else_subgraph_index": 1}
    d = select.op("IF", [condition, c], (1, 3), Type.FLOAT32, **options)
    model.subgraphs += [called.model(b).main, select.model(d).main]
    model.signatures = [
        Signature("double", {"x": x}, {"y": y}),
        Signature("select", {"c": c}, {"d": d}, 2),
    ]
    return model


def test_signatures_of_a_tflite(tmp_path: Path) -> None:
    data = write_tflite.dump(two_functions())
    (tmp_path / "two.tflite").write_bytes(data)
    with pytest.raises(UsageError, match="several signatures: double, select") as caught:
        taken(tmp_path / "two.tflite")
    assert "--signature double" in caught.value.hint
    with pytest.raises(UsageError, match="no signature 'half'"):
        taken(tmp_path / "two.tflite", signature="half")
    assert taken(tmp_path / "two.tflite", signature="double").data == data
    source = taken(tmp_path / "two.tflite", signature="select")
    assert source.origin.endswith("two.tflite, signature select")
    assert [graph.name for graph in source.model.subgraphs] == ["select", "called"]
    answer = Judge(source.data).run([np.array([[1, 2, 3]], np.float32)])[0]
    assert answer.tolist() == [[3, 6, 9]]


def test_functions_of_one_model_do_not_share_a_folder(tmp_path: Path) -> None:
    (tmp_path / "two.tflite").write_bytes(write_tflite.dump(two_functions()))
    folders = {
        taken(tmp_path / "two.tflite", signature=name).folder for name in ("double", "select")
    }
    assert len(folders) == 2


def test_one_function_needs_no_choice(sine: bytes) -> None:
    assert signatures.chosen(sine, None, "sine") is sine
    with pytest.raises(UsageError, match="no signature 'x'"):
        signatures.chosen(sine, "x", "sine")


def test_case_of_two_signatures(shared_data: Path) -> None:
    path = shared_data / "cases" / "two_signatures" / "two_signatures.tflite"
    with pytest.raises(UsageError, match="several signatures: decode, encode"):
        taken(path)
    for name, size in (("encode", 4), ("decode", 3)):
        graph = read_tflite.load(taken(path, signature=name).data).main
        assert graph.inputs[0].shape[-1] == size
