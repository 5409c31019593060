"""The process that converts: `python -m tinydeploy.stages.convert_worker job.json result.json`."""

from __future__ import annotations

import json
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from tinydeploy import confine, whole
from tinydeploy.errors import TinyDeployError, TrainingError
from tinydeploy.stages import (
    convert_call,
    convert_load,
    convert_ranges,
    convert_recurrent,
    convert_samples,
    train_tensorflow,
)
from tinydeploy.stages.convert import ABOUT_SUFFIX, LOOP
from tinydeploy.stages.convert_ranges import Said
from tinydeploy.stages.convert_samples import Samples

MEMORY_SHARE = 0.75


def main(arguments: list[str]) -> int:
    """Do the job in a process of its own."""
    confine.share_of_memory(MEMORY_SHARE)  # of a file that asks for all of it, only this one dies
    return work(arguments)


def work(arguments: list[str]) -> int:
    """Do the job; what went wrong is in the result file, in the words of `tinydeploy.errors`."""
    job, result = json.loads(Path(arguments[0]).read_text(encoding="utf-8")), Path(arguments[1])
    try:
        answer = _convert(job, result.with_suffix(ABOUT_SUFFIX))
    except TinyDeployError as error:
        answer = {"error": type(error).__name__, "message": error.message, "hint": error.hint}
    except Exception as error:  # of Keras and TensorFlow, which have no common class
        answer = {
            "error": TrainingError.__name__,
            "message": f"TensorFlow cannot convert the model: {convert_load.reason(error)}",
            "hint": _hint(error),
        }
    whole.write(result, json.dumps(answer))
    return 1 if "error" in answer else 0


def _convert(job: dict[str, Any], about: Path) -> dict[str, Any]:
    warnings: list[str] = []
    custom = job.get("custom_objects")
    model = convert_load.load(Path(job["source"]), Path(custom) if custom else None, warnings)
    is_keras = not hasattr(model, "signatures")
    said = convert_ranges.of_inputs(model) if is_keras else []
    fusable = is_keras and convert_recurrent.prepare(model, warnings)
    call, specs = convert_call.of(model, job.get("signature"), warnings)
    function = frozen(call, specs)
    if _has_loop(function):
        whole.write(about, LOOP)
    samples, ranges = _samples(job, function, said, warnings)
    for out, quantize in job["wanted"]:
        if fusable and quantize != "int16x8":  # for which the quantizer has no LSTM
            data = _fused_tflite(model, call, specs, samples, quantize)
        else:
            data = tflite(_from_function(function), samples, quantize)
        whole.write_named(Path(out), data)
    return {"warnings": warnings, "ranges": ranges}


def _samples(
    job: dict[str, Any], function: Any, said: Sequence[Said | None], warnings: list[str]
) -> tuple[Samples, str]:
    if all(quantize == "float" for _, quantize in job["wanted"]):
        return [], ""
    return convert_samples.choose(
        job["representative"], job["seed"], _specs(function), said, warnings
    )


def _has_loop(function: Any) -> bool:
    """Whether there is a loop over lists, which TensorFlow's quantizer crashes over."""
    return any(
        operation.type.startswith(("TensorList", "While", "StatelessWhile"))
        for operation in function.graph.get_operations()
    )


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


def _specs(function: Any) -> dict[str, Any]:
    """The inputs of a frozen function by name, in its order."""
    return {tensor.name.removesuffix(":0"): tensor for tensor in function.inputs}


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


def _reason(error: BaseException, said: list[str]) -> str:
    """The lines that say which operators it was, of all that the converter writes."""
    found = [
        line.split("error:", 1)[-1].strip()
        for line in [*str(error).splitlines(), *said]
        if "error:" in line or "is neither a custom op nor a flex op" in line
    ]
    return "; ".join(dict.fromkeys(found)) or convert_load.reason(error)


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
