"""Our declaration of the schema against the code that flatc generated for tflite-micro."""

from __future__ import annotations

import importlib.util
import inspect
import re
from types import ModuleType
from typing import Any

import pytest
from tinydeploy.graph import schema
from tinydeploy.graph.ir import Type


@pytest.fixture(scope="module")
def generated() -> ModuleType:
    package = importlib.util.find_spec("tflite_micro")
    assert package is not None
    assert package.submodule_search_locations is not None
    folder = package.submodule_search_locations[0]
    path = f"{folder}/tensorflow/lite/micro/python/schema_py_generated.py"
    spec = importlib.util.spec_from_file_location("schema_py_generated", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _numbers(enum: Any) -> dict[str, int]:
    return {name: value for name, value in vars(enum).items() if isinstance(value, int)}


def test_operators(generated: ModuleType) -> None:
    assert _numbers(generated.BuiltinOperator) == schema.OPERATORS


def test_tensor_types(generated: ModuleType) -> None:
    assert _numbers(generated.TensorType) == schema.TENSOR_TYPES
    assert _numbers(generated.TensorType) == {kind.name: kind.value for kind in Type}


def test_option_numbers(generated: ModuleType) -> None:
    theirs = _numbers(generated.BuiltinOptions)
    assert theirs == {"NONE": 0, **schema.OPTIONS}


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("Activation", "ActivationFunctionType"),
        ("CombinerType", "CombinerType"),
        ("LSTMKernelType", "LSTMKernelType"),
        ("MirrorPadMode", "MirrorPadMode"),
        ("Padding", "Padding"),
        ("WeightsFormat", "FullyConnectedOptionsWeightsFormat"),
    ],
)
def test_enums(generated: ModuleType, ours: str, theirs: str) -> None:
    assert schema.ENUMS[ours] == _numbers(getattr(generated, theirs))


def _setters(generated: ModuleType, table: str) -> dict[str, tuple[str, int, str]]:
    """Of each field: the kind that is stored, slot and default, out of the generated setters."""
    pattern = re.compile(r"Prepend(\w+)Slot\((\d+), .*, (.+)\)\n")
    found = {}
    for name, function in vars(generated).items():
        if re.fullmatch(f"{table}Add[A-Z]\\w*", name):
            match = pattern.search(inspect.getsource(function))
            assert match is not None
            kind, slot, default = match.groups()
            found[name.removeprefix(f"{table}Add").lower()] = (kind, int(slot), default)
    return found


def _expected(field: schema.Field) -> tuple[str, int, float]:
    if field.type in schema.ENUMS:
        return "Int8", field.slot, schema.ENUMS[field.type][field.default]
    if field.default is None:
        return "UOffsetTRelative", field.slot, 0
    return field.type.capitalize(), field.slot, float(field.default)


@pytest.mark.parametrize("table", sorted(schema.TABLES))
def test_every_slot_type_and_default(generated: ModuleType, table: str) -> None:
    ours = {f.name.replace("_", "").lower(): _expected(f) for f in schema.TABLES[table]}
    theirs = {
        name: (kind, slot, float(default))
        for name, (kind, slot, default) in _setters(generated, table).items()
    }
    assert ours == theirs


@pytest.mark.parametrize(
    ("operator", "options"),
    [
        ("CONV_2D", "Conv2DOptions"),
        ("MAX_POOL_2D", "Pool2DOptions"),
        ("MEAN", "ReducerOptions"),
        ("UNIDIRECTIONAL_SEQUENCE_LSTM", "UnidirectionalSequenceLSTMOptions"),
        ("LOGISTIC", None),
        ("RELU6", None),
        ("CUSTOM", None),
    ],
)
def test_options_of(operator: str, options: str | None) -> None:
    assert schema.options_of(operator) == options
