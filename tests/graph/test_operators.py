"""Every row of firmware/kernels/ops.def has all that an operator needs, named where it lacks it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pytest
from tinydeploy import kernels
from tinydeploy.config import FIRMWARE_DIR, ROOT
from tinydeploy.fuzz import families
from tinydeploy.fuzz.families import GENERATORS
from tinydeploy.graph import schema
from tinydeploy.graph.ir import Op
from tinydeploy.kernels import Row
from tinydeploy.ops import declared
from tinydeploy.ops.declared import OPERATORS, operator_of
from tinydeploy.ops.persistent import sizes
from tinydeploy.ops.resolver import method_of

# What TFLM's MicroMutableOpResolver registers, EthosU aside: tensorflow/lite/micro's header.
_OF_TFLM = """
    Abs Add AddN ArgMax ArgMin AssignVariable AveragePool2D BasicClassifier BatchMatMul
    BatchToSpaceNd BroadcastArgs BroadcastTo CallOnce Cast Ceil CircularBuffer Concatenation Conv2D
    Cos CumSum Decode Delay DepthToSpace DepthwiseConv2D Dequantize DetectionPostprocess Div
    DynamicUpdateSlice Elu EmbeddingLookup Energy Equal Exp ExpandDims FftAutoScale Fill FilterBank
    FilterBankLog FilterBankSpectralSubtraction FilterBankSquareRoot Floor FloorDiv FloorMod Framer
    FullyConnected Gather GatherNd Greater GreaterEqual HardSwish If Irfft L2Normalization L2Pool2D
    LeakyRelu Less LessEqual Log LogSoftmax LogicalAnd LogicalNot LogicalOr Logistic MaxPool2D
    Maximum Mean Minimum MirrorPad Mul Neg NotEqual OverlapAdd PCAN Pack Pad PadV2 Prelu Quantize
    ReadVariable ReduceAll ReduceMax ReduceMin Relu Relu6 Reshape ResizeBilinear
    ResizeNearestNeighbor ReverseV2 Rfft Round Rsqrt SelectV2 Shape Sin Slice Softmax
    SpaceToBatchNd SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze Stacker
    StridedSlice Sub Sum Svdf Tanh Transpose TransposeConv UnidirectionalSequenceLSTM Unpack
    VarHandle While Window ZerosLike
"""
_SOURCES = "\n".join(path.read_text() for path in (FIRMWARE_DIR / "kernels").rglob("*.cpp"))
_TESTS = "\n".join(path.read_text() for path in (ROOT / "tests/firmware").glob("test_*.py"))

# What a row asks for, by where it is written.
_PARTS: Mapping[str, Callable[[Row], bool]] = {
    "Prepare<Name> in firmware/kernels/<family>": lambda row: (
        re.search(rf"\bPrepare{row.name}\(PrepareContext", _SOURCES) is not None
    ),
    "a declaration in scripts/tinydeploy/ops/declared": lambda row: row.code in OPERATORS,
    "a generator in scripts/tinydeploy/fuzz/families": lambda row: row.code in GENERATORS,
    "a test in tests/firmware": lambda row: row.code in _TESTS,
    "`tinydeploy ops --write`": lambda row: row.code in sizes(),
}


def _lacks(row: Row) -> list[str]:
    return [part for part, has in _PARTS.items() if not has(row)]


@pytest.mark.parametrize("row", list(kernels.rows().values()), ids=lambda row: row.code)
def test_an_operator_lacks_nothing(row: Row) -> None:
    assert _lacks(row) == []


def test_a_row_alone_lacks_everything() -> None:
    assert _lacks(Row("Nothing", "NOTHING", 32, 1, 1, 1, in_place=False)) == list(_PARTS)


def test_nothing_is_declared_that_the_firmware_lacks() -> None:
    assert OPERATORS.keys() == GENERATORS.keys() == sizes().keys() == kernels.rows().keys()


def test_rows_have_the_numbers_of_the_schema() -> None:
    text = kernels.OPS_DEF.read_text(encoding="utf-8")
    rows = kernels.rows().values()
    assert len(rows) == len(re.findall(r"^TINYDEPLOY_OP\w*\(", text, re.MULTILINE))
    assert {row.builtin for row in rows if row.is_custom} == {schema.OPERATORS["CUSTOM"]}
    for row in rows:
        assert row.is_custom or schema.OPERATORS[row.code] == row.builtin


def test_all_of_tflm_is_there() -> None:
    assert {row.name for row in kernels.rows().values()} >= set(_OF_TFLM.split())


def test_an_operator_is_declared_once() -> None:
    with pytest.raises(ValueError, match="twice"):
        declared.gathered([{"ADD": OPERATORS["ADD"]}, {"ADD": OPERATORS["SUB"]}])
    with pytest.raises(ValueError, match="two generators"):
        families.gathered([{"ADD": GENERATORS["ADD"]}, {"ADD": GENERATORS["SUB"]}])
    with pytest.raises(ValueError, match="lacks"):
        families.gathered([{"NOTHING": GENERATORS["ADD"]}])


@pytest.mark.parametrize(
    ("op", "name"),
    [
        (Op("CONV_2D", [], []), "AddConv2D"),
        (Op("PADV2", [], []), "AddPadV2"),
        (Op("TILE", [], []), None),
        (Op("CUSTOM", [], [], custom_code="SignalWindow"), "AddWindow"),
        (Op("CUSTOM", [], [], custom_code="Mine"), None),
        (Op("CUSTOM", [], [], custom_code="CONV_2D"), None),
        (Op("SignalWindow", [], []), None),
    ],
)
def test_method(op: Op, name: str | None) -> None:
    assert method_of(op) == name
    assert bool(operator_of(op).types) == (name is not None)


@pytest.mark.parametrize(
    ("path", "pattern"),
    [
        ("README.md", r"\*\*(\d+) operators\*\*"),
        ("docs/ops.md", r"(\d+) operators with \d+ combinations of types"),
    ],
)
def test_documents_count_them(path: str, pattern: str) -> None:
    text = (ROOT / path).read_text(encoding="utf-8")
    assert [int(count) for count in re.findall(pattern, text)] == [len(OPERATORS)]
