"""The process that converts: `python -m tinydeploy.stages.convert_worker job.json result.json`."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy.errors import ModelFileError, TinyDeployError, TrainingError, UsageError
from tinydeploy.stages import train_tensorflow

Array = npt.NDArray[Any]
Samples = list[list[Array]]

NOISE_SAMPLES = 64
MAX_SAMPLES = 500  # more changes nothing but the time that it takes


def main(arguments: list[str]) -> int:
    """Do the job; what went wrong is in the result file, in the words of `tinydeploy.errors`."""
    job, result = json.loads(Path(arguments[0]).read_text(encoding="utf-8")), Path(arguments[1])
    try:
        answer: dict[str, Any] = {"warnings": _convert(job)}
    except TinyDeployError as error:
        answer = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    result.write_text(json.dumps(answer), encoding="utf-8")
    return 1 if "error" in answer else 0


def _convert(job: dict[str, Any]) -> list[str]:
    warnings: list[str] = []
    function = frozen(_load(Path(job["source"])), warnings)
    quantized = any(quantize != "float" for _, quantize in job["wanted"])
    samples = _samples(job, _specs(function), warnings) if quantized else []
    for out, quantize in job["wanted"]:
        Path(out).write_bytes(tflite(function, samples, quantize))
    return warnings


def frozen(model: Any, warnings: list[str]) -> Any:
    """`model` (Keras, or a loaded SavedModel) as a function of fixed shapes, variables constant.

    An open batch would add operators that compute shapes at run time; variables would stay
    variables, which the quantizer's calibration cannot read.

    Raises:
        ModelFileError: a dimension other than the batch is open, or there is nothing to call.
    """
    tf = train_tensorflow.tensorflow()
    from tensorflow.python.framework.convert_to_constants import (  # there is no public name
        convert_variables_to_constants_v2,
    )

    call, specs = _callable(tf, model)
    fixed = [_fixed(tf, name, spec, warnings) for name, spec in specs.items()]
    with train_tensorflow.quiet():
        function = tf.function(lambda *inputs: call(dict(zip(specs, inputs, strict=True))))
        concrete = function.get_concrete_function(*fixed)
        return convert_variables_to_constants_v2(concrete, lower_control_flow=False)


def tflite(function: Any, samples: Samples, quantize: str) -> bytes:
    """Convert a frozen function.

    Args:
        samples: representative inputs, arrays in the order of the function's; unused for float.

    Raises:
        TrainingError: the converter refused; with its own words.
    """
    tf = train_tensorflow.tensorflow()
    said: list[str] = []
    try:
        with train_tensorflow.quiet() as said:
            converter = tf.lite.TFLiteConverter.from_concrete_functions([function])
            if quantize != "float":
                _quantize(tf, converter, samples, quantize)
            return bytes(converter.convert())
    except Exception as error:  # whatever the converter raises: there is no common class
        raise TrainingError(
            f"TensorFlow cannot convert the model to {quantize}: {_reason(error, said)}",
            _hint(error),
        ) from error


def _load(source: Path) -> Any:
    if source.is_dir():
        return _load_saved_model(source)
    keras = train_tensorflow.keras()
    try:
        with train_tensorflow.quiet():
            model = keras.models.load_model(source, compile=False)
    except Exception as error:
        raise ModelFileError(
            f"Keras {keras.__version__} cannot read {source}: {_first_line(error)}",
            "save it with model.save('model.keras'); layers of your own need "
            "@keras.saving.register_keras_serializable, or export a SavedModel with model.export()",
        ) from error
    if not getattr(model, "inputs", None):
        raise ModelFileError(
            f"the model in {source} does not know its input shape", "call it once before saving it"
        )
    _refuse_loops(model)
    return model


def _load_saved_model(folder: Path) -> Any:
    tf = train_tensorflow.tensorflow()
    try:
        with train_tensorflow.quiet():
            return tf.saved_model.load(str(folder))
    except Exception as error:
        raise ModelFileError(
            f"{folder} is not a SavedModel: {_first_line(error)}", "write it with model.export()"
        ) from error


def _callable(tf: Any, model: Any) -> tuple[Callable[[dict[str, Any]], Any], dict[str, Any]]:
    """How to call the model with inputs by name, and what these are."""
    if not hasattr(model, "signatures"):
        return _keras_callable(tf, model)
    signatures = model.signatures
    name = "serving_default" if "serving_default" in signatures else next(iter(signatures), None)
    if name is None:
        raise ModelFileError(
            "the SavedModel has no signature", "write it with model.export(), which adds one"
        )
    signature = signatures[name]
    return (lambda inputs: signature(**inputs)), dict(signature.structured_input_signature[1])


def _keras_callable(tf: Any, model: Any) -> tuple[Callable[[dict[str, Any]], Any], dict[str, Any]]:
    specs = {
        tensor.name: tf.TensorSpec(tensor.shape, tensor.dtype, name=tensor.name)
        for tensor in model.inputs
    }

    def call(inputs: dict[str, Any]) -> list[Any]:
        tensors = list(inputs.values())
        outputs = model(tensors if len(tensors) > 1 else tensors[0], training=False)
        return list(tf.nest.flatten(outputs))

    return call, specs


def _specs(function: Any) -> dict[str, Any]:
    """The inputs of a frozen function by name, in its order."""
    return {tensor.name.removesuffix(":0"): tensor for tensor in function.inputs}


def _refuse_loops(model: Any) -> None:
    """Recurrent layers become WHILE loops, over which the quantizer crashes: say it before."""
    keras = train_tensorflow.keras()
    recurrent = (keras.layers.LSTM, keras.layers.GRU)
    for layer in model._flatten_layers():
        if isinstance(layer, recurrent) and not layer.unroll:
            raise TrainingError(
                f"the layer {layer.name!r} ({type(layer).__name__}) is a loop, which no "
                "microcontroller's runtime takes",
                f"make it with unroll=True: keras.layers.{type(layer).__name__}(..., unroll=True)",
            )


def _fixed(tf: Any, name: str, spec: Any, warnings: list[str]) -> Any:
    shape = spec.shape.as_list() if spec.shape.rank is not None else None
    if shape and shape[0] is None:
        shape[0] = 1
    if shape is None or None in shape:
        raise ModelFileError(
            f"the input {name!r} has no fixed shape: {spec.shape}",
            "build the model with a fixed Input shape; a microcontroller plans its memory ahead",
        )
    if shape and shape[0] != 1:
        warnings.append(f"the input {name!r} has a batch of {shape[0]}")
    return tf.TensorSpec(shape, spec.dtype, name=name)


def _samples(job: dict[str, Any], signature: dict[str, Any], warnings: list[str]) -> Samples:
    if job["representative"] is not None:
        return _stored_samples(Path(job["representative"]), signature)
    warnings.append(
        "no representative data: the ranges of activations are guessed from noise in [-1, 1], "
        "which can cost much accuracy; give some 100 typical inputs as a .npy or .npz file"
    )
    generator = np.random.default_rng(job["seed"])
    return [[_noise(generator, spec) for spec in signature.values()] for _ in range(NOISE_SAMPLES)]


def _noise(generator: np.random.Generator, spec: Any) -> Array:
    shape, dtype = spec.shape.as_list(), np.dtype(spec.dtype.as_numpy_dtype)
    if dtype.kind == "f":
        return np.asarray(generator.uniform(-1, 1, shape), dtype)
    return np.asarray(generator.integers(0, 2, shape), dtype)


def _stored_samples(path: Path, signature: dict[str, Any]) -> Samples:
    arrays = _named(path, list(signature))
    counts = {len(array) for array in arrays.values()}
    if len(counts) != 1 or 0 in counts:
        raise UsageError(f"{path}: the inputs differ in number: {sorted(counts)}")
    count = counts.pop()
    chosen = np.linspace(0, count - 1, min(count, MAX_SAMPLES)).astype(int)
    return [
        [_fitted(arrays[name][index], spec, path) for name, spec in signature.items()]
        for index in chosen
    ]


def _named(path: Path, names: list[str]) -> dict[str, Array]:
    """The arrays of a file, by the model's input names or else in the order of their own."""
    try:
        loaded = np.load(path, allow_pickle=False)
    except (OSError, ValueError) as error:
        raise UsageError(
            f"{path} is no NumPy file: {error}", "save the inputs with numpy.savez"
        ) from error
    if isinstance(loaded, np.ndarray):
        arrays: dict[str, Array] = {"inputs": loaded}
    else:
        arrays = _dequantized({name: loaded[name] for name in sorted(loaded.files)})
    if set(names) <= set(arrays):
        return {name: arrays[name] for name in names}
    inputs = [array for name, array in arrays.items() if name.startswith(("inputs", "x"))]
    if len(inputs) != len(names):
        raise UsageError(
            f"{path} has the arrays {', '.join(arrays)}, the model the inputs {', '.join(names)}",
            "name the arrays as the inputs, or inputs_0, inputs_1, ... in their order",
        )
    return dict(zip(names, inputs, strict=True))


def _dequantized(arrays: dict[str, Array]) -> dict[str, Array]:
    """Test sets of ours hold quantized inputs and say by which scale and zero point."""
    if not {"scale", "zero_point"} <= set(arrays):
        return arrays
    scale, zero_point = np.float32(arrays.pop("scale")), np.float32(arrays.pop("zero_point"))
    return {
        name: (values - zero_point) * scale if values.dtype.kind == "i" else values
        for name, values in arrays.items()
    }


def _fitted(sample: Array, spec: Any, path: Path) -> Array:
    shape = spec.shape.as_list()
    if sample.size != np.prod(shape, dtype=np.int64):
        raise UsageError(
            f"{path}: a sample has the shape {list(sample.shape)}, the model wants {shape[1:]}",
            "store the inputs as [count, *shape]",
        )
    return np.asarray(sample.reshape(shape), spec.dtype.as_numpy_dtype)


def _quantize(tf: Any, converter: Any, samples: Samples, quantize: str) -> None:
    def representative() -> Iterator[list[Array]]:
        yield from samples

    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = representative
    sets, activations = tf.lite.OpsSet, tf.int8
    converter.target_spec.supported_ops = [sets.TFLITE_BUILTINS_INT8]
    if quantize == "int16x8":
        activations = tf.int16
        converter.target_spec.supported_ops = [
            sets.EXPERIMENTAL_TFLITE_BUILTINS_ACTIVATIONS_INT16_WEIGHTS_INT8
        ]
    if all(value.dtype.kind == "f" for value in samples[0]):
        converter.inference_input_type = activations
    converter.inference_output_type = activations


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return (lines[0] if lines else type(error).__name__)[:300]


def _reason(error: BaseException, said: list[str]) -> str:
    """The line that says which operator it was, of all that the converter writes."""
    for line in [*str(error).splitlines(), *said]:
        if "error:" in line or "is neither a custom op nor a flex op" in line:
            return line.split("error:", 1)[-1].strip()[:300]
    return _first_line(error)


def _hint(error: BaseException) -> str:
    text = str(error)
    if "TensorList" in text:
        return "LSTM and GRU layers are loops unless they are made with unroll=True"
    if "flex" in text.lower() or "custom op" in text:
        return "an operator is not one of TFLite's: replace the layer that makes it"
    if "16x8" in text or "int16" in text.lower():
        return "PReLU, ELU, negation, hard swish and square have no int16 form: use int8"
    return "try --quantize float to see whether quantization is the cause"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
