"""The reader on good files, on damaged ones, and on files with wrong content."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
import pytest
from tinydeploy.errors import ModelError, ModelFileError
from tinydeploy.graph import flat
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Type, per_tensor
from tinydeploy.graph.read_tflite import load, unpack
from tinydeploy.graph.write_tflite import dump, encode
from tinydeploy.memory import plan_subgraph
from tinydeploy.ops.support import check_supported
from tinydeploy.ops.work import macs


def test_reads_what_was_built(dense_bytes: bytes) -> None:
    model = load(dense_bytes)
    (op,) = model.main.ops
    x, w, b = op.operands
    assert op.code == "FULLY_CONNECTED"
    assert op.options["fused_activation_function"] == "NONE"
    assert (x.shape, x.type, x.is_constant) == ((1, 2), Type.INT8, False)
    assert w.data is not None
    assert w.data.tolist() == [[1, 2], [-1, 3]]
    assert b.data is not None
    assert b.data.tolist() == [0, 1]
    assert b.data.dtype == np.int32
    assert x.quantization is not None
    assert (x.quantization.scale, x.quantization.zero_point) == (1.0, 0)
    assert model.main.inputs == [x]
    assert model.main.outputs == op.outputs


def test_kws_reference_model(kws: Path) -> None:
    model = load(kws)
    assert model.nbytes == 53_936
    assert macs(model) == 2_656_768
    codes = [op.code for op in model.main.ops]
    assert codes[:3] == ["CONV_2D", "DEPTHWISE_CONV_2D", "CONV_2D"]
    assert codes[-4:] == ["AVERAGE_POOL_2D", "RESHAPE", "FULLY_CONNECTED", "SOFTMAX"]
    assert model.main.inputs[0].label == "input_1"
    weights = model.main.ops[0].operands[1]
    assert weights.quantization is not None
    assert weights.quantization.per_channel
    assert len(weights.quantization.scales) == 64


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="no such file"):
        load(tmp_path / "no.tflite")


def test_folder(tmp_path: Path) -> None:
    with pytest.raises(ModelFileError, match="folder"):
        load(tmp_path)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"", "empty"),
        (b"TFL3", "not a .tflite"),
        (b"PK\x03\x04 a keras file", "keras"),
        (b"hello, world", "not a .tflite"),
        (b"version https://git-lfs.github.com/spec/v1", "Git LFS"),
        (b"\xff\xff\xff\xffTFL3", "damaged"),
    ],
)
def test_not_a_model(data: bytes, text: str) -> None:
    with pytest.raises(ModelFileError, match=text) as caught:
        load(data)
    assert caught.value.hint


def test_cut_short_at_every_length(dense_bytes: bytes) -> None:
    """A cut file is refused, unless only padding at its end is lost."""
    accepted = [n for n in range(len(dense_bytes)) if _accepts(dense_bytes[:n])]
    assert not accepted or min(accepted) > len(dense_bytes) - 8


def test_mutations_never_escape(dense_bytes: bytes) -> None:
    """Whatever the bytes: a model that everything downstream can look at, or a ModelError."""
    for seed in range(4_000):
        _accepts(_mutated(dense_bytes, seed))


def test_mutated_kws_never_escapes(kws: Path) -> None:
    data = kws.read_bytes()
    tables = data[-32_000:]  # the weights come first: mutate where the structure is
    for seed in range(300):
        _accepts(data[:-32_000] + _mutated(tables, seed))


def _mutated(data: bytes, seed: int) -> bytes:
    rng = random.Random(seed)
    damaged = bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 5, 20))):
        position = rng.randrange(len(damaged))
        match rng.randrange(3):
            case 0:
                damaged[position] ^= 1 << rng.randrange(8)
            case 1:
                damaged[position] = rng.choice((0, 1, 0x7F, 0x80, 0xFF))
            case _:
                word = rng.choice((0, 1, 4, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF))
                start = position // 4 * 4
                damaged[start : start + 4] = word.to_bytes(4, "little")
    return bytes(damaged)


def _accepts(data: bytes) -> bool:
    try:
        model = load(data)
    except ModelFileError as error:
        return not (error.message and error.hint)
    _use(model)
    return True


def _use(model: Model) -> None:
    """All that reads a verified model: none of it may fail."""
    check_supported(model)
    macs(model)
    for subgraph in model.subgraphs:
        plan_subgraph(subgraph)


def _table(change: Callable[[dict[str, Any]], None]) -> bytes:
    """A RELU model as tables, changed, as bytes."""
    build = Builder()
    x = build.input((1, 4), Type.FLOAT32)
    build.constant(np.zeros((2, 2), np.float32))
    root = flat.decode(dump(build.model(build.op("RELU", [x], (1, 4), Type.FLOAT32))), "Model")
    for buffer in root["buffers"]:
        buffer["data"] = buffer["data"].tobytes()
    change(root)
    return encode(root, "Model")


def _tensor(index: int, **fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda root: root["subgraphs"][0]["tensors"][index].update(fields)


def _operator(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda root: root["subgraphs"][0]["operators"][0].update(fields)


def _subgraph(**fields: Any) -> Callable[[dict[str, Any]], None]:
    return lambda root: root["subgraphs"][0].update(fields)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (lambda root: root.update(version=2), "schema version 2"),
        (lambda root: root.update(subgraphs=[]), "no subgraph"),
        (_operator(opcode_index=1), "operator code 1 does not exist"),
        (_operator(inputs=[3]), r"input 3 does not exist \(there are 3\)"),
        (_operator(inputs=[-2]), "input -2 does not exist"),
        (_operator(outputs=[-1]), "output -1 does not exist"),
        (_operator(outputs=[0]), "a second time"),
        (_operator(outputs=[1]), "a second time"),
        (_subgraph(inputs=[9]), "input 9 does not exist"),
        (_subgraph(inputs=[]), "nothing has written"),
        (_subgraph(operators=[]), "an output of the model reads"),
        (_tensor(1, buffer=99), "buffer 99 does not exist"),
        (_tensor(1, shape=[2, 3]), "takes 24 bytes, its buffer has 16"),
        (_tensor(0, shape=[1, -4]), "shape"),
        (_tensor(0, shape=[65536, 65536, 65536]), "more than 64 MiB"),
        (_tensor(0, shape=[0, 65536, 65536, 65536]), "more than 64 MiB"),
        (_tensor(0, shape=[1] * 17), "17 dimensions"),
        (
            lambda root: root["operator_codes"][0].update(builtin_code=250),
            "no operator number 250",
        ),
    ],
)
def test_inconsistent_models(change: Callable[[dict[str, Any]], None], text: str) -> None:
    data = _table(change)
    with pytest.raises(ModelFileError, match=text) as caught:
        load(data)
    assert caught.value.hint


def test_unchanged_tables_are_accepted() -> None:
    assert _accepts(_table(lambda root: None))


def test_shared_tables_cannot_unfold_without_end() -> None:
    """200 references to one subgraph, which has 200 references to one tensor: 40,000 tensors."""
    builder = flatbuffers.Builder(0)
    tensor = _flat_table(builder, 0, None)
    subgraph = _flat_table(builder, 0, _references(builder, [tensor] * 200))
    model = _flat_table(builder, 2, _references(builder, [subgraph] * 200))
    builder.Finish(model, b"TFL3")
    with pytest.raises(flat.FlatBufferError, match="share their bytes"):
        flat.decode(bytes(builder.Output()), "Model")


def _references(builder: Any, tables: list[int]) -> int:
    builder.StartVector(4, len(tables), 4)
    for table in tables:
        builder.PrependUOffsetTRelative(table)
    return int(builder.EndVector())


def _flat_table(builder: Any, slot: int, vector: int | None) -> int:
    builder.StartObject(slot + 1)
    if vector is not None:
        builder.PrependUOffsetTRelativeSlot(slot, vector, 0)
    return int(builder.EndObject())


def test_int4_is_unpacked() -> None:
    raw = np.array([0x21, 0xF8], np.uint8)
    assert unpack(raw, Type.INT4, 3).tolist() == [1, 2, -8]
    assert unpack(raw, Type.UINT4, 4).tolist() == [1, 2, 8, 15]
    assert unpack(np.array([0b11_10_01_00], np.uint8), Type.INT2, 4).tolist() == [0, 1, -2, -1]


def test_quantization_compares_by_value() -> None:
    assert per_tensor(0.5, 3).same(per_tensor(0.5, 3))
    assert not per_tensor(0.5, 3).same(per_tensor(0.5, 2))
    assert not per_tensor(0.5, 3).same(None)


def test_errors_are_model_errors() -> None:
    assert issubclass(ModelFileError, ModelError)
