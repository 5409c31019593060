"""Test data of a user: what is understood, and what every mistake is told as."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tinydeploy.errors import ModelFileError, TinyDeployError, UsageError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.build import Builder
from tinydeploy.graph.ir import Type, per_tensor
from tinydeploy.stages import input_spec, vectors
from tinydeploy.stages.input_spec import InputSpec
from tinydeploy.stages.labels import Answers

Save = Callable[..., Path]

INT8 = InputSpec("image", (1, 4), np.dtype(np.int8), scale=0.5, zero_point=-10)
FLOAT = InputSpec("image", (1, 4), np.dtype(np.float32))
FOUR = Answers(4)
QUANTIZED = np.zeros((3, 4), np.int8)


def named(*names: str, shape: tuple[int, ...] = (1, 1)) -> list[InputSpec]:
    return [InputSpec(name, shape, np.dtype(np.float32)) for name in names]


def test_real_numbers_are_quantized_by_the_models_scale(save: Save) -> None:
    """0.5 is one step, behind the zero point of -10; 100 is more than int8 has."""
    values = np.array([[0, 0.5, -1, 100], [0] * 4, [0] * 4], np.float32)
    found = vectors.load(save(inputs=values), [INT8])
    assert found.inputs[0].dtype == np.int8
    assert found.inputs[0][0].tolist() == [[-10, -9, -12, 127]]
    assert "float32 quantized with scale 0.5, zero point -10" in found.source
    assert "8.3 % clipped to -59 to 68.5" in found.source


def test_pixels_are_real_numbers_to_an_int8_model(save: Save) -> None:
    spec = InputSpec("image", (1, 2), np.dtype(np.int8), scale=1.0, zero_point=-128)
    found = vectors.load(save(x=np.array([[0, 255]], np.uint8)), [spec])
    assert found.inputs[0].tolist() == [[[-128, 127]]]


def test_scaled_otherwise_than_for_training(save: Save) -> None:
    """Pixels from 0 to 255 for a model that wants 0 to 1."""
    spec = InputSpec("image", (1, 4), np.dtype(np.int8), scale=1 / 255, zero_point=-128)
    pixels = np.array([[0, 100, 200, 255]], np.uint8)
    with pytest.raises(
        ModelFileError, match=r"75 % of the values .* lie outside of 0 to 1,"
    ) as caught:
        vectors.load(save(inputs=pixels), [spec])
    assert "as for training" in caught.value.hint


def test_integers_of_another_width_have_no_obvious_meaning(save: Save) -> None:
    with pytest.raises(
        ModelFileError, match=r"int64 \(3, 4\) does not fit input 'image'"
    ) as caught:
        vectors.load(save(inputs=np.zeros((3, 4), np.int64)), [INT8])
    assert "store int8 if it is quantized already" in caught.value.hint


@pytest.mark.parametrize("kind", [np.float64, np.int64, np.uint8, np.float16])
def test_any_numbers_for_a_float_model(save: Save, kind: Any) -> None:
    found = vectors.load(save(inputs=np.ones((3, 4), kind)), [FLOAT])
    assert found.inputs[0].dtype == np.float32
    assert found.inputs[0].tolist() == np.ones((3, 1, 4)).tolist()


def test_test_set_with_its_own_scale_is_quantized_anew(save: Save) -> None:
    stored = {"inputs": np.full((1, 4), 5, np.int8), "scale": np.float32(2), "zero_point": 0}
    assert vectors.load(save(**stored), [INT8]).inputs[0].tolist() == [[[10, 10, 10, 10]]]
    same = {"inputs": np.full((1, 4), 5, np.int8), "scale": np.float32(0.5), "zero_point": -10}
    assert vectors.load(save(**same), [INT8]).inputs[0].tolist() == [[[5, 5, 5, 5]]]


@pytest.mark.parametrize(
    "names",
    [
        ("inputs", "labels"),
        ("x", "y"),
        ("x_test", "y_test"),
        ("image", "label"),
        ("anything", "targets"),
    ],
)
def test_names_that_people_use(save: Save, names: tuple[str, str]) -> None:
    found = vectors.load(save(**{names[0]: QUANTIZED, names[1]: [1, 0, 3]}), [INT8], FOUR)
    assert found.count == 3
    assert found.labels is not None
    assert found.labels.tolist() == [1, 0, 3]


def test_test_part_of_a_keras_data_set(save: Save) -> None:
    both = {"x_train": np.ones((9, 4), np.int8), "y_train": np.zeros(9)}
    found = vectors.load(save(**both, x_test=QUANTIZED, y_test=[1, 0, 3]), [INT8], FOUR)
    assert found.count == 3
    assert found.labels is not None
    assert found.labels.tolist() == [1, 0, 3]


def test_eleven_inputs_by_number_and_not_as_text(save: Save) -> None:
    arrays = {f"inputs_{k}": np.full((1, 1), k, np.float32) for k in range(11)}
    found = vectors.load(save(**arrays), named(*(f"i{k}" for k in range(11))))
    assert [values.item() for values in found.inputs] == list(range(11))


def test_inputs_by_their_own_names_in_any_order(save: Save) -> None:
    """`y` is an input here, and so no label."""
    arrays = {"y": np.full((1, 1), 2.0, "f"), "x": np.full((1, 1), 1.0, "f"), "labels": [0]}
    found = vectors.load(save(**arrays), named("x", "y"))
    assert [values.item() for values in found.inputs] == [1, 2]
    assert found.labels is not None


def test_names_of_the_signature_and_without_the_converters_prefix(save: Save) -> None:
    build = Builder()
    x = build.input((1, 2), Type.FLOAT32)
    x.name = "serving_default_accel:0"
    model = build.model(build.op("RELU", [x], (1, 2), Type.FLOAT32))
    (spec,) = input_spec.input_specs(model)
    assert spec.label == "accel"
    assert spec.names == ("accel", "serving_default_accel", "serving_default_accel:0")


def test_too_few_arrays_are_listed(save: Save) -> None:
    with pytest.raises(UsageError, match=r"1 array \(inputs_0\), the model 2 inputs \(a, b\)"):
        vectors.load(save(inputs_0=np.zeros((1, 1), "f")), named("a", "b"))


@pytest.mark.parametrize(
    ("labels", "expected"),
    [
        ([2, 0, 1], [2, 0, 1]),
        ([[2], [0], [1]], [2, 0, 1]),
        ([2.0, 0.0, 1.0], [2, 0, 1]),
        ([True, False, True], [1, 0, 1]),
        ([[0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], [2, 0, 3]),
        ([[0.0, 0, 1, 0], [1, 0, 0, 0], [0, 0, 0, 1]], [2, 0, 3]),
        (["no", "no", "yes"], [3, 3, 2]),
    ],
)
def test_forms_of_labels(save: Save, labels: Any, expected: list[int]) -> None:
    answers = Answers(4, ("silence", "unknown", "yes", "no"))
    found = vectors.load(save(inputs=QUANTIZED, labels=labels), [INT8], answers).labels
    assert found is not None
    assert found.dtype == np.int64
    assert found.tolist() == expected


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([0, 4, 0], "label 4 of vector 1 is no class of the model, whose 4 classes are 0 to 3"),
        ([0, -1, 0], "label -1 of vector 1"),
        ([0, 1], "inputs and labels differ in number"),
        ([[1, 0], [0, 1], [0, 1]], "do not fit a model of 4 outputs"),
        ([0.5, 1, 2], "do not fit a model of 4 outputs"),
        ([0.0, np.nan, 1], "not all finite"),
        (["yes", "no", "no"], "a label is the text 'no'; the classes of the model have no names"),
        (3, "one value, not one for each vector"),
        (np.zeros(3, "c8"), "are no numbers"),
    ],
)
def test_labels_that_do_not_fit(save: Save, labels: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message) as caught:
        vectors.load(save(inputs=QUANTIZED, labels=labels), [INT8], FOUR)
    assert caught.value.hint


def test_targets_of_a_regression(save: Save) -> None:
    """Of one output, even whole numbers are no classes; of a sigmoid they are."""
    path = save(inputs=QUANTIZED, labels=[1, 0, 1])
    found = [
        vectors.load(path, [INT8], answers).labels
        for answers in (Answers(1), Answers(1, is_binary=True), Answers(1, is_regression=True))
    ]
    kinds = [labels.dtype.kind for labels in found if labels is not None]
    assert kinds == ["f", "i", "f"]


def test_a_single_sigmoid_is_a_probability() -> None:
    build = Builder()
    x = build.input((1, 1), Type.INT8, per_tensor(0.1, 0))
    y = build.op("LOGISTIC", [x], (1, 1), Type.INT8, per_tensor(1 / 256, -128))
    assert input_spec.answers(build.model(y), (), None).is_binary
    z = build.op("RELU", [x], (1, 1), Type.INT8, per_tensor(0.1, 0))
    assert not input_spec.answers(build.model(z), (), None).is_binary


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "it is empty"),
        (b"ax,ay,az\n1,2,3\n", "no .npz or .npy file"),
        (b"PK\x03\x04 and no more", "damaged or cut short"),
        (b"\x93NUMPY", "damaged or cut short"),
    ],
)
def test_files_that_are_none(tmp_path: Path, content: bytes, message: str) -> None:
    (tmp_path / "data.npz").write_bytes(content)
    with pytest.raises(UsageError, match=message) as caught:
        vectors.load(tmp_path / "data.npz", [INT8])
    assert "\n" not in caught.value.message
    assert caught.value.hint


def test_cut_in_half(save: Save) -> None:
    path = save(inputs=np.zeros((300, 4), np.int8))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UsageError, match="damaged or cut short"):
        vectors.load(path, [INT8])


def test_python_objects(save: Save) -> None:
    ragged = np.empty(2, object)
    ragged[:] = [np.zeros(3), np.zeros(4)]
    with pytest.raises(UsageError, match="rows of different lengths"):
        vectors.load(save(inputs=ragged), [INT8])


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        (np.int8(3), r"int8 \(\) does not fit"),
        (np.zeros((0, 4), np.int8), r"int8 \(0, 4\) does not fit"),
        (np.full((3, 4), np.nan, "f"), "12 values of input 'image' are NaN"),
        (np.full((3, 4), "a"), "does not fit"),
    ],
)
def test_inputs_that_do_not_fit(save: Save, inputs: Any, message: str) -> None:
    with pytest.raises(ModelFileError, match=message):
        vectors.load(save(inputs=inputs), [INT8])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(3):
        np.full(4, number, np.int8).tofile(tmp_path / f"v{number}.bin")
    return tmp_path


def test_byte_order_mark_costs_no_vector(folder: Path) -> None:
    rows = "v0.bin,4,0\nv1.bin,4,1\nv2.bin,4,2\n"
    (folder / "y_labels.csv").write_text(rows, encoding="utf-8-sig")
    found = vectors.load(folder, [INT8], FOUR)
    assert found.inputs[0][:, 0, 0].tolist() == [0, 1, 2]
    assert found.labels is not None
    assert found.labels.tolist() == [0, 1, 2]


def test_files_that_are_not_there_are_counted(folder: Path) -> None:
    (folder / "y_labels.csv").write_text("v0.bin,4,0\nv7.bin,4,1\n", encoding="utf-8")
    assert "(1 of the 2 files listed)" in vectors.load(folder, [INT8], FOUR).source


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b"v0.bin,4,0\nv\xe4.bin,4,1\n", "no UTF-8 text"),
        (b"v0.bin,4,9\n", "label 9 of vector 0"),
        (b"v0.bin,4,yes\n", "not `file, classes, label`"),
        (b"v9.bin,4,1\n", "none of the files"),
    ],
)
def test_label_files_that_are_wrong(folder: Path, text: bytes, message: str) -> None:
    (folder / "y_labels.csv").write_bytes(text)
    with pytest.raises(TinyDeployError, match=message) as caught:
        vectors.load(folder, [INT8], FOUR)
    assert caught.value.hint


CASES = {
    "float_for_int8.npz": "float32 quantized with scale",
    "x_y.npz": "float32 quantized with scale",
    "ok.npz": "",
    "onehot.npz": "",
    "label_float.npz": "",
    "label_col.npz": "",
    "bins": "",
    "objects.npz": "UsageError: rows of different lengths",
    "empty.npy": "UsageError: it is empty",
    "cut.npz": "UsageError: damaged or cut short",
    "data.csv": "UsageError: no .npz or .npy file",
    "label_range.npz": "ModelFileError: label 4 of vector 0",
    "label_str.npz": "ModelFileError: 'yes'",
    "scalar.npz": "ModelFileError: does not fit",
    "bins2": "UsageError: no UTF-8 text",
    "nan.npz": "ModelFileError: does not fit",
}


@pytest.mark.parametrize("name", CASES)
def test_cases(shared_data: Path, name: str) -> None:
    """Files as users gave them, for a model of 12 x 12 inputs and 4 classes."""
    model = read_tflite.load(shared_data / "cases" / "quantizations" / "int8_io.tflite")
    specs, answers = input_spec.input_specs(model), input_spec.answers(model, (), None)
    path = shared_data / "cases" / "test_data" / name
    kind, _, message = CASES[name].rpartition(": ")
    if kind:
        with pytest.raises(TinyDeployError, match=message) as caught:
            vectors.load(path, specs, answers)
        assert type(caught.value).__name__ == kind
        assert "\n" not in caught.value.message
        return
    found = vectors.load(path, specs, answers)
    assert found.count == (3 if name == "bins" else 20)
    assert CASES[name] in found.source


def test_case_of_eleven_inputs(shared_data: Path) -> None:
    folder = shared_data / "cases" / "multi_io"
    specs = input_spec.input_specs(read_tflite.load(folder / "eleven.tflite"))
    found = vectors.load(folder / "eleven.npz", specs)
    assert [values.item() for values in found.inputs] == list(range(11))
