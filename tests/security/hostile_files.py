"""Files that somebody would make to eat the PC: each small, each with something without measure."""

from __future__ import annotations

import contextlib
import io
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import flatbuffers
import numpy as np
from flatbuffers import flexbuffers
from tinydeploy.graph import schema, write_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Model, Op, Subgraph, Tensor, Type, per_tensor

QUANTIZATION = per_tensor(0.5, 0)
INT8 = (Type.INT8, QUANTIZATION)
LONG = 1_000_000


# ---- As much as may be: it has to be planned in reasonable time. ----


def chain(ops: int, code: str = "ABS", shape: tuple[int, ...] = (1, 8)) -> Model:
    """One operator after the other."""
    build = Builder()
    value = build.input(shape, *INT8)
    for _ in range(ops):
        value = build.op(code, [value], shape, *INT8)
    return build.model(value)


def bands(ops: int) -> Model:
    """Images that `--patch` could cut anywhere, into any number of bands."""
    return chain(ops, "RELU", (1, 16, 16, 2))


def parallel(ops: int) -> Model:
    """All results are needed to the end: as many as there are operators live at once."""
    build = Builder()
    value = build.input((1, 8), *INT8)
    return build.model(*[build.op("ABS", [value], (1, 8), *INT8) for _ in range(ops)])


def ladder(ops: int) -> Model:
    """Tensors of many sizes and lifetimes: each result is read at once, and much later."""
    build, rng = Builder(), np.random.default_rng(1)
    made = [build.input((1, 4), *INT8)]
    for _ in range(ops // 2):
        a, b = made[-1], made[int(rng.integers(max(0, len(made) - 300), len(made)))]
        width = a.shape[1] + b.shape[1]
        joined = build.op("CONCATENATION", [a, b], (1, width), *INT8, axis=1)
        taken = min(int(rng.integers(1, 64)), width)
        window = [build.constant(np.array(x, np.int32)) for x in ([0, 0], [1, taken])]
        made.append(build.op("SLICE", [joined, *window], (1, taken), *INT8))
    return build.model(made[-1])


def reshapes(ops: int) -> Model:
    """All of them can go."""
    build = Builder()
    value = build.input((1, 8), *INT8)
    for number in range(ops - 1):
        shape = (1, 8) if number % 2 else (8, 1)
        value = build.op("RESHAPE", [value], shape, *INT8, new_shape=list(shape))
    return build.model(build.op("ABS", [value], value.shape, *INT8))


def variables(ops: int) -> Model:
    """Each read and written once."""
    build = Builder()
    value = build.input((1, 8), *INT8)
    for number in range(ops // 3):
        handle = build.op("VAR_HANDLE", [], (), Type.RESOURCE, shared_name=f"v{number}")
        build.ops("ASSIGN_VARIABLE", [handle, value], [])
        value = build.op("READ_VARIABLE", [handle], (1, 8), *INT8)
    return build.model(value)


# ---- More than may be: it has to be refused. ----


def long_axis() -> Model:
    """A few hundred bytes, and channels by the hundred million."""
    build = Builder()
    return build.model(build.op("RELU", [build.input((1, 1 << 28), *INT8)], (1, 1 << 28), *INT8))


def calls() -> Model:
    """Each subgraph calls the next a hundred times."""
    graphs = []
    for number in range(8):
        build = Builder()
        condition = build.input((1,), Type.BOOL)
        value = build.input((1, 8), *INT8)
        for _ in range(100 if number < 7 else 1):
            output = build.tensor((1, 8), *INT8)
            options = {"then_subgraph_index": number + 1, "else_subgraph_index": number + 1}
            if number < 7:
                build.ops("IF", [condition, value], [output], **options)
            else:
                build.ops("ABS", [value], [output])
            value = output
        graphs.append(build.model(value).main)
    return Model(graphs)


def shared_constants() -> Model:
    """Ten thousand tensors with one and the same megabyte."""
    data = np.zeros((1 << 20,), np.int8)
    tensors = [Tensor(f"t{n}", Type.INT4, data.shape, data) for n in range(10_000)]
    value = Tensor("x", Type.INT8, (1, 8), quantization=QUANTIZATION)
    result = Tensor("y", Type.INT8, (1, 8), quantization=QUANTIZATION)
    ops = [Op("ABS", [value], [result])]
    return Model([Subgraph("main", [value, result, *tensors], ops, [value], [result])])


class _Sharing(write_tflite._Encoder):
    """Writes what is one object once, however often it is referred to."""

    def __init__(self, builder: flatbuffers.Builder) -> None:
        super().__init__(builder)
        self._written: dict[int, int] = {}

    def table(self, value: Any, table: str) -> int:
        return self._once(value, lambda: super(_Sharing, self).table(value, table))

    def _scalars(self, values: Any, element: str) -> int:
        return self._once(values, lambda: super(_Sharing, self)._scalars(values, element))

    def _stored(self, value: Any, field: schema.Field) -> Any:
        stored = super()._stored
        if field.type != "string":
            return stored(value, field)
        return self._once(value, lambda: stored(value, field))

    def _once(self, value: Any, write: Callable[[], int]) -> int:
        if id(value) not in self._written:
            self._written[id(value)] = write()
        return self._written[id(value)]


def shared(root: dict[str, Any]) -> bytes:
    """A file of tables and vectors that are referred to again and again."""
    builder = flatbuffers.Builder(1024)
    codes = [{"builtin_code": schema.OPERATORS["ABS"]}]
    whole = {"version": 3, "operator_codes": codes, "buffers": [{}], **root}
    builder.Finish(_Sharing(builder).table(whole, "Model"), schema.IDENTIFIER)
    return bytes(builder.Output())


def shared_tables(kind: str) -> bytes:
    """A million entries that are one."""
    tensor = {"shape": [1, 8], "type": "INT8", "name": "t"}
    op = {"inputs": [0], "outputs": [1]}
    lists = {"tensors": [tensor] * 2, "operators": [op]}
    entry = {"tensors": tensor, "operators": op}
    if kind in entry:
        lists[kind] = [entry[kind]] * LONG
        return shared({"subgraphs": [lists]})
    of_model = {"subgraphs": lists, "metadata": {"name": "m"}, "buffers": {"data": b"x"}}
    return shared({"subgraphs": [lists], kind: [of_model[kind]] * LONG})


def shared_arguments() -> bytes:
    """Ten thousand operators with one list of a hundred thousand inputs."""
    tensor = {"shape": [1, 8], "type": "INT8", "name": "t"}
    op = {"inputs": [0] * 100_000, "outputs": [1]}
    ops = [dict(op) for _ in range(10_000)]
    return shared({"subgraphs": [{"tensors": [tensor] * 2, "operators": ops}]})


def shared_names() -> bytes:
    """Forty thousand tensors, each with the same name of a megabyte."""
    name = "n" * LONG
    tensors = [{"shape": [1, 8], "name": name} for _ in range(40_000)]
    return shared({"subgraphs": [{"tensors": tensors}]})


def flex_deep(levels: int = 5000) -> bytes:
    """Vectors in vectors in a map."""
    builder = flexbuffers.Builder()
    with contextlib.ExitStack() as stack:
        stack.enter_context(builder.Map())
        builder.Key("frame_size")
        for _ in range(levels):
            stack.enter_context(builder.Vector())
        builder.Int(1)
    return bytes(builder.Finish())


def flex_shared(levels: int = 40) -> bytes:
    """Vectors of eight times the vector before: 8^40 numbers in some hundred bytes."""
    data, before = bytearray(), 0
    vector = 10 << 2  # untyped, a byte wide
    for level in range(levels):
        data.append(8)
        start = len(data)
        data += bytes(start + i - before if level else 1 for i in range(8))
        data += bytes([vector if level else 1 << 2] * 8)
        before = start
    return bytes(data) + bytes([len(data) - before, vector, 1])


# ---- Archives and data. ----


def bomb(path: Path, member: str, size_bytes: int) -> Path:
    """An archive of zeros, a thousandth of its size."""
    with (
        zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open(member, "w", force_zip64=True) as file,
    ):
        file.write(_npy_header((size_bytes,)))
        for _ in range(size_bytes >> 20):
            file.write(bytes(1 << 20))
    return path


def _npy_header(shape: tuple[int, ...]) -> bytes:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|i1", "fortran_order": False, "shape": shape}
    )
    return header.getvalue()


def lying_npy(path: Path) -> Path:
    """Some hundred bytes that say they are a terabyte."""
    path.write_bytes(_npy_header((1 << 40,)) + b"0" * 100)
    return path


C_SOURCES = {
    "a word": "a" * LONG,
    "comments": "/*" * (LONG // 2),
    "brackets": "x[" * (LONG // 2),
    "externs": "extern " * (LONG // 7),
    "a number": "const unsigned char g_model[] = {" + "1" * LONG + "};",
    "braces": "x[]={" * (LONG // 5),
}
