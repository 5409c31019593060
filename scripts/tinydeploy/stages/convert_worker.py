"""The process that converts: `python -m tinydeploy.stages.convert_worker job.json result.json`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tinydeploy.errors import ModelFileError, TinyDeployError, TrainingError
from tinydeploy.stages import convert_recurrent, convert_samples, train_tensorflow
from tinydeploy.stages.convert_samples import Samples


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
    model = _load(Path(job["source"]))
    is_keras = not hasattr(model, "signatures")
    fusable = is_keras and convert_recurrent.prepare(model, warnings)
    call, specs = _callable(model, warnings)
    function = frozen(call, specs)
    quantized = any(quantize != "float" for _, quantize in job["wanted"])
    samples = convert_samples.choose(job, _specs(function), warnings) if quantized else []
    for out, quantize in job["wanted"]:
        if fusable and quantize != "int16x8":  # for which the quantizer has no LSTM
            data = _fused_tflite(model, call, specs, samples, quantize)
        else:
            data = tflite(_from_function(function), samples, quantize)
        Path(out).write_bytes(data)
    return warnings


def frozen(call: Callable[..., Any], specs: list[Any]) -> Any:
    """A function of fixed shapes, its variables constant.

    An open batch would add operators that compute shapes at run time; variables would stay
    variables, which the quantizer's calibration cannot read.
    """
    tf = train_tensorflow.tensorflow()
    from tensorflow.python.framework.convert_to_constants import (  # there is no public name
        convert_variables_to_constants_v2,
    )

    with train_tensorflow.quiet():
        concrete = tf.function(call).get_concrete_function(*specs)
        return convert_variables_to_constants_v2(concrete, lower_control_flow=False)


def _from_function(function: Any) -> Any:
    tf = train_tensorflow.tensorflow()
    with train_tensorflow.quiet():
        return tf.lite.TFLiteConverter.from_concrete_functions([function])


def _fused_tflite(
    model: Any, call: Callable[..., Any], specs: list[Any], samples: Samples, quantize: str
) -> bytes:
    tf = train_tensorflow.tensorflow()
    with (
        tempfile.TemporaryDirectory() as folder,
        convert_recurrent.exported(call, model, specs, Path(folder)),
    ):
        with train_tensorflow.quiet():
            converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        names = [spec.name for spec in specs]
        named = [dict(zip(names, sample, strict=True)) for sample in samples]
        return tflite(converter, named, quantize)


def tflite(converter: Any, samples: Sequence[Any], quantize: str) -> bytes:
    """What TensorFlow Lite's `converter` makes.

    Args:
        samples: representative inputs, each a list in the order of the inputs, or a dictionary by
            their names; unused for float.

    Raises:
        TrainingError: the converter refused; with its own words.
    """
    tf = train_tensorflow.tensorflow()
    said: list[str] = []
    try:
        with train_tensorflow.quiet() as said:
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


def _callable(model: Any, warnings: list[str]) -> tuple[Callable[..., Any], list[Any]]:
    """How to call the model (Keras, or a loaded SavedModel), and its inputs of fixed shape.

    Raises:
        ModelFileError: a dimension other than the batch is open, or there is nothing to call.
    """
    tf = train_tensorflow.tensorflow()
    if hasattr(model, "signatures"):
        signature = _signature(model.signatures)
        specs = dict(signature.structured_input_signature[1])
        return (lambda *inputs: signature(**dict(zip(specs, inputs, strict=True)))), [
            _fixed(tf, name, spec, warnings) for name, spec in specs.items()
        ]

    def call(*inputs: Any) -> list[Any]:
        outputs = model(list(inputs) if len(inputs) > 1 else inputs[0], training=False)
        return list(tf.nest.flatten(outputs))

    return call, [_fixed(tf, tensor.name, tensor, warnings) for tensor in model.inputs]


def _signature(signatures: Any) -> Any:
    name = "serving_default" if "serving_default" in signatures else next(iter(signatures), None)
    if name is None:
        raise ModelFileError(
            "the SavedModel has no signature", "write it with model.export(), which adds one"
        )
    return signatures[name]


def _specs(function: Any) -> dict[str, Any]:
    """The inputs of a frozen function by name, in its order."""
    return {tensor.name.removesuffix(":0"): tensor for tensor in function.inputs}


def _fixed(tf: Any, name: str, spec: Any, warnings: list[str]) -> Any:
    open_rank = getattr(spec.shape, "rank", 0) is None  # of a SavedModel; Keras has tuples
    shape = None if open_rank else list(spec.shape)
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


def _quantize(tf: Any, converter: Any, samples: Sequence[Any], quantize: str) -> None:
    def representative() -> Iterator[Any]:
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
    first = samples[0]
    values = first.values() if isinstance(first, dict) else first
    if all(value.dtype.kind == "f" for value in values):
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
        return (
            "give the .keras file, or make LSTM and GRU layers with unroll=True before the export"
        )
    if "flex" in text.lower() or "custom op" in text:
        return "an operator is not one of TFLite's: replace the layer that makes it"
    if "16x8" in text or "int16" in text.lower():
        return "PReLU, ELU, negation, hard swish and square have no int16 form: use int8"
    return "try --quantize float to see whether quantization is the cause"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
