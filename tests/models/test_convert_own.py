"""A user's own model: layers of one's own, signatures, dictionaries, old formats, ranges."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("tensorflow", reason="conversion needs TensorFlow")

from tinydeploy.errors import ModelFileError, TrainingError, UsageError
from tinydeploy.graph import read_tflite
from tinydeploy.graph.ir import Tensor
from tinydeploy.judge import Judge
from tinydeploy.stages import convert as stage
from tinydeploy.stages import convert_worker, train_tensorflow
from tinydeploy.stages.convert import Loading, convert, convert_all

pytestmark = pytest.mark.train

Define = Callable[[str], Path]

OWN_LAYER = """
import keras

class Scale(keras.layers.Layer):
    def __init__(self, factor=2.0, **options):
        super().__init__(**options)
        self.factor = factor
    def call(self, x):
        return x * self.factor
    def get_config(self):
        return {**super().get_config(), "factor": self.factor}

class Net(keras.Model):
    def __init__(self):
        super().__init__()
        self.dense = keras.layers.Dense(4)
    def call(self, x):
        return self.dense(x)
"""


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Convert in this process, which has TensorFlow already."""

    def run(job: dict[str, Any], folder: Path) -> stage.Conversion:
        (folder / "job.json").write_text(json.dumps(job), encoding="utf-8")
        convert_worker.work([str(folder / "job.json"), str(folder / "result.json")])
        return stage.answer(folder / "result.json")

    monkeypatch.setattr(stage, "_run", run)


@pytest.fixture(scope="module")
def keras() -> Any:
    return train_tensorflow.keras()


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "own_layers.py"
    path.write_text(OWN_LAYER, encoding="utf-8")
    return path


@pytest.fixture
def defined(own: Path) -> dict[str, Any]:
    """What the file defines, to save models with."""
    names: dict[str, Any] = {"__name__": "of_the_user"}
    exec(OWN_LAYER, names)
    return names


def int8_input(source: Path, out: Path, **options: Any) -> Tensor:
    return read_tflite.load(convert(source, out, warn=lambda _: None, **options)).main.inputs[0]


def test_layers_of_ones_own(keras: Any, own: Path, defined: dict[str, Any], tmp_path: Path) -> None:
    source = tmp_path / "m.keras"
    keras.Sequential([keras.Input((2,)), defined["Scale"](3.0)]).save(source)
    with pytest.raises(ModelFileError, match="Could not locate class 'Scale'") as caught:
        convert(source, tmp_path / "o.tflite", quantize="float")
    assert caught.value.hint == "give the Python file that defines it: --custom-objects FILE.py"
    assert "config" not in caught.value.message
    out = convert(source, tmp_path / "o.tflite", quantize="float", loading=Loading(own))
    answer = Judge(out.read_bytes()).run([np.array([[1, 2]], np.float32)])[0]
    assert answer.tolist() == [[3, 6]]


def test_layer_registered_where_it_was_saved(
    keras: Any, own: Path, defined: dict[str, Any], tmp_path: Path
) -> None:
    """The file need not have the decorator that the class had."""
    source = tmp_path / "m.keras"
    scale = keras.saving.register_keras_serializable("mine")(defined["Scale"])
    try:
        keras.Sequential([keras.Input((2,)), scale(3.0)]).save(source)
    finally:
        keras.saving.get_custom_objects().clear()
    convert(source, tmp_path / "o.tflite", quantize="float", loading=Loading(own))


def test_subclassed_model_without_keyword_arguments(
    keras: Any, own: Path, defined: dict[str, Any], tmp_path: Path
) -> None:
    net = defined["Net"]()
    net(np.zeros((1, 6), np.float32))
    net.save(tmp_path / "m.keras")
    options = {"loading": Loading(own), "representative": np.ones((2, 6), np.float32)}
    assert int8_input(tmp_path / "m.keras", tmp_path / "o.tflite", **options).shape == (1, 6)


@pytest.mark.parametrize(
    ("code", "message"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("def", "SyntaxError: "), (None, "no file")],
)
def test_python_file_that_cannot_be_run(
    keras: Any, tmp_path: Path, code: str | None, message: str
) -> None:
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    path = tmp_path / "broken_layers.py"
    if code is not None:
        path.write_text(code, encoding="utf-8")
    with pytest.raises(UsageError, match=message):
        convert(tmp_path / "m.keras", tmp_path / "o.tflite", loading=Loading(path))


def test_lambda_needs_consent(keras: Any, own: Path, tmp_path: Path) -> None:
    layers = [keras.Input((2,)), keras.layers.Lambda(lambda x: x * 2)]
    keras.Sequential(layers).save(tmp_path / "m.keras")
    with pytest.raises(ModelFileError, match=r"loading function, or calling `keras") as caught:
        convert(tmp_path / "m.keras", tmp_path / "o.tflite", quantize="float")
    assert "export a SavedModel" in caught.value.hint
    convert(tmp_path / "m.keras", tmp_path / "o.tflite", quantize="float", loading=Loading(own))


def test_dictionaries_in_and_out(keras: Any, tmp_path: Path) -> None:
    image, accel = keras.Input((4,), name="image"), keras.Input((3,), name="accel")
    joined = keras.layers.Concatenate()([image, accel])
    keras.Model({"image": image, "accel": accel}, {"xy": joined}).save(tmp_path / "m.keras")
    data = {"image": np.ones((2, 4), "f"), "accel": np.full((2, 3), 2, "f")}
    np.savez(tmp_path / "data.npz", **data)
    out = convert(tmp_path / "m.keras", tmp_path / "o.tflite", tmp_path / "data.npz")
    shapes = {each.label: each.shape for each in read_tflite.load(out).main.inputs}
    assert shapes == {"image": (1, 4), "accel": (1, 3)}


def test_h5_of_keras_2(keras: Any, tmp_path: Path) -> None:
    """Such files have arguments that Keras 3 refuses, as Teachable Machine's do."""
    import h5py

    layers = keras.layers
    stack = [keras.Input((5, 5, 1)), layers.DepthwiseConv2D(3), layers.Flatten(), layers.Dense(2)]
    keras.Sequential(stack).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        config = json.loads(file.attrs["model_config"])
        for layer in config["config"]["layers"]:
            if layer["class_name"] == "DepthwiseConv2D":
                layer["config"]["groups"] = 1
        file.attrs["model_config"] = json.dumps(config).encode()
    before, said = (tmp_path / "m.h5").read_bytes(), list[str]()
    convert(tmp_path / "m.h5", tmp_path / "o.tflite", quantize="float", warn=said.append)
    assert said == ["DepthwiseConv2D: groups=1 of Keras 2 means nothing in Keras 3 and is left out"]
    assert (tmp_path / "m.h5").read_bytes() == before


def test_what_keras_2_meant_is_not_left_out(keras: Any, tmp_path: Path) -> None:
    import h5py

    keras.Sequential([keras.Input((5, 2)), keras.layers.GRU(3)]).save(tmp_path / "m.h5")
    with h5py.File(tmp_path / "m.h5", "r+") as file:
        text = file.attrs["model_config"]
        text = text if isinstance(text, str) else text.decode()
        config = text.replace('"units"', '"time_major": true, "units"')
        file.attrs["model_config"] = config.encode()
    with pytest.raises(ModelFileError, match=r"passed to GRU: \{'time_major': True\}"):
        convert(tmp_path / "m.h5", tmp_path / "o.tflite", quantize="float")


def test_format_by_bytes_whatever_the_name(keras: Any, tmp_path: Path) -> None:
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    for suffix in (".keras", ".h5"):
        model.save(tmp_path / f"m{suffix}")
        (tmp_path / f"m{suffix}").rename(tmp_path / "trained")
        convert(tmp_path / "trained", tmp_path / "o.tflite", quantize="float")


@pytest.fixture
def two(tmp_path: Path) -> Path:
    """A SavedModel of two functions, `encode` of 4 numbers and `decode` of 3."""
    tf = train_tensorflow.tensorflow()
    module = tf.Module()
    module.w = tf.Variable(tf.ones((4, 3)))

    def made(size: int, transpose: bool) -> Any:
        def function(x: Any) -> Any:
            return {"y": tf.matmul(x, module.w, transpose_b=transpose)}

        spec = tf.TensorSpec((None, size), tf.float32, name="x")
        return tf.function(function, input_signature=[spec])

    module.encode, module.decode = made(4, False), made(3, True)
    names = {"encode": module.encode, "decode": module.decode}
    with train_tensorflow.quiet():
        tf.saved_model.save(module, str(tmp_path / "two"), signatures=names)
    return tmp_path / "two"


def test_signatures_are_listed_and_chosen(two: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="several signatures: decode, encode") as caught:
        convert(two, tmp_path / "o.tflite", quantize="float")
    assert "--signature decode" in caught.value.hint
    with pytest.raises(UsageError, match="no signature 'code'"):
        convert(two, tmp_path / "o.tflite", quantize="float", loading=Loading(signature="code"))
    for name, size in (("encode", 4), ("decode", 3)):
        out = convert(two, tmp_path / "o.tflite", quantize="float", loading=Loading(signature=name))
        assert read_tflite.load(out).main.inputs[0].shape == (1, size)


def test_keras_file_has_no_signature(keras: Any, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    with pytest.raises(UsageError, match="has no signatures"):
        convert(
            tmp_path / "m.keras",
            tmp_path / "o.tflite",
            quantize="float",
            loading=Loading(signature="x"),
        )


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"scale": 1 / 255}, (0, 255)),
        ({"scale": 1 / 127.5, "offset": -1}, (0, 255)),
        ({"scale": 2}, (0, 0.5)),
    ],
)
def test_rescaling_tells_the_range(
    keras: Any, tmp_path: Path, options: dict[str, float], expected: tuple[float, float]
) -> None:
    layers = [keras.Input((8, 8, 1)), keras.layers.Rescaling(**options), keras.layers.Flatten()]
    keras.Sequential([*layers, keras.layers.Dense(2)]).save(tmp_path / "m.keras")
    low, high = real_range(int8_input(tmp_path / "m.keras", tmp_path / "o.tflite"))
    assert (low, high) == pytest.approx(expected, abs=0.01 * expected[1])


def test_range_through_a_model_within_the_model(keras: Any, tmp_path: Path) -> None:
    inner = keras.Sequential([keras.Input((4,)), keras.layers.Rescaling(1 / 255)])
    x = keras.Input((2, 2))
    outer = keras.Model(x, keras.layers.Dense(2)(inner(keras.layers.Flatten()(x))))
    outer.save(tmp_path / "m.keras")
    _, high = real_range(int8_input(tmp_path / "m.keras", tmp_path / "o.tflite"))
    assert high == pytest.approx(255, abs=3)


def test_normalization_tells_mean_and_deviation(keras: Any, tmp_path: Path) -> None:
    layer = keras.layers.Normalization(mean=[100.0, 100.0], variance=[25.0, 25.0])
    stack = [keras.Input((2,)), layer, keras.layers.Dense(1)]
    keras.Sequential(stack).save(tmp_path / "m.keras")
    said: list[str] = []
    wanted = [(tmp_path / "o.tflite", "int8")]
    done = convert_all(tmp_path / "m.keras", wanted, warn=said.append)
    assert "mean 100 and deviation 5, as the layer" in done.ranges
    assert done.ranges in said[0]
    _, high = real_range(read_tflite.load(tmp_path / "o.tflite").main.inputs[0])
    assert 108 < high < 125


def test_data_are_named_in_what_it_was_quantized_with(keras: Any, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    np.savez(tmp_path / "data.npz", x=np.ones((700, 2), "f"), y=np.zeros(700, int))
    wanted = [(tmp_path / "o.tflite", "int8")]
    done = convert_all(tmp_path / "m.keras", wanted, tmp_path / "data.npz")
    assert done == stage.Conversion("500 of 700 samples of data.npz", ())


def test_quantized_data_cannot_tell_ranges(keras: Any, tmp_path: Path) -> None:
    keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)]).save(tmp_path / "m.keras")
    np.savez(tmp_path / "data.npz", x=np.ones((7, 2), np.int8))
    with pytest.raises(UsageError, match="int8 is no type of real numbers"):
        convert(tmp_path / "m.keras", tmp_path / "o.tflite", tmp_path / "data.npz")


def test_all_operators_that_it_refuses_are_told(keras: Any, tmp_path: Path) -> None:
    x = keras.Input((4,))
    y = keras.ops.erfinv(x) + keras.ops.cast(
        keras.ops.bitwise_and(*[keras.ops.cast(x, "int32")] * 2), "float32"
    )
    keras.Model(x, y).save(tmp_path / "m.keras")
    with pytest.raises(TrainingError) as caught:
        convert(tmp_path / "m.keras", tmp_path / "o.tflite", np.zeros((2, 4), "f"))
    assert "tf.Erfinv" in caught.value.message
    assert "tf.BitwiseAnd" in caught.value.message
    assert "\n" not in caught.value.message
    assert "LSTM" not in caught.value.hint


def real_range(tensor: Tensor) -> tuple[float, float]:
    assert tensor.quantization is not None
    steps = np.array([-128, 127]) - tensor.quantization.zero_point
    low, high = (steps * tensor.quantization.scale).tolist()
    return low, high


CASES: dict[str, tuple[dict[str, Any], str]] = {
    "h5_legacy/plain.h5": ({}, ""),
    "h5_legacy/keras2.h5": ({}, ""),
    "multi_io/dict_io.keras": ({}, ""),
    "multi_io/mixed_io.keras": ({}, "'tf.BitwiseAnd' op is neither"),
    "keras_custom/custom.keras": ({}, "Could not locate class 'Scale'"),
    "keras_custom/lambda.keras": ({}, "Lambda"),
    "keras_custom/subclassed.keras": ({}, "Could not locate class 'Sub'"),
    "keras_custom/registered.keras": ({}, "Could not locate class 'Scale'"),
    "keras_custom/subclassed_saved": ({}, ""),
    "two_signatures/two_signatures": ({}, "several signatures: decode, encode"),
    "recurrent/open_time.keras": ({}, "no fixed shape"),
}


@pytest.mark.parametrize("name", CASES)
def test_cases(shared_data: Path, tmp_path: Path, name: str) -> None:
    options, message = CASES[name]
    source, out = shared_data / "cases" / name, tmp_path / "o.tflite"
    options = {"representative": stage.NOISE, "warn": lambda _: None, **options}
    if not message:
        Judge(convert(source, out, **options).read_bytes())
        return
    with pytest.raises((ModelFileError, TrainingError, UsageError), match=message) as caught:
        convert(source, out, **options)
    assert "\n" not in caught.value.message
    assert "LSTM" not in caught.value.hint
