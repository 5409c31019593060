"""How to call a loaded model with a flat list of inputs of fixed shape."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinydeploy.errors import ModelFileError, UsageError
from tinydeploy.stages import train_tensorflow

DEFAULT_SIGNATURE = "serving_default"
_SAME_AS_DEFAULT = {"serve"}  # Keras exports its one function under two names
Call = tuple[Callable[..., Any], list[Any]]


def of(model: Any, signature: str | None, warnings: list[str]) -> Call:
    """The function to convert and the specs of its inputs.

    Raises:
        ModelFileError: a dimension other than the batch is open, or there is nothing to call.
        UsageError: no such signature, or several and none was chosen.
    """
    if hasattr(model, "signatures"):
        return _of_saved_model(model, signature, warnings)
    if signature is not None:
        raise UsageError("a Keras file has no signatures", "leave --signature out")
    return _of_keras(model, warnings)


def _of_saved_model(model: Any, wanted: str | None, warnings: list[str]) -> Call:
    signature = model.signatures[_chosen(sorted(model.signatures), wanted, warnings)]
    specs = dict(signature.structured_input_signature[1])
    return (lambda *inputs: signature(**dict(zip(specs, inputs, strict=True)))), [
        _fixed(name, spec.shape, spec.dtype, warnings) for name, spec in specs.items()
    ]


def _chosen(names: list[str], wanted: str | None, warnings: list[str]) -> str:
    if not names:
        raise ModelFileError(
            "the SavedModel has no signature", "write it with model.export(), which adds one"
        )
    others = [name for name in names if name not in _SAME_AS_DEFAULT]
    if wanted is not None and wanted not in names:
        raise UsageError(
            f"the model has no signature {wanted!r}", f"signatures are: {', '.join(names)}"
        )
    if wanted is None and DEFAULT_SIGNATURE in names:
        if len(others) > 1:
            warnings.append(
                f"of the signatures {', '.join(others)}, {DEFAULT_SIGNATURE} is taken; another "
                "with --signature"
            )
        return DEFAULT_SIGNATURE
    if wanted is None and len(names) > 1:
        raise UsageError(
            f"the model has several signatures: {', '.join(names)}",
            f"choose one, for example --signature {names[0]}",
        )
    return wanted or names[0]


def _of_keras(model: Any, warnings: list[str]) -> Call:
    tf, keras = train_tensorflow.tensorflow(), train_tensorflow.keras()
    structure = getattr(model, "_inputs_struct", None)

    def call(*inputs: Any) -> list[Any]:
        given: Any = list(inputs) if len(inputs) > 1 else inputs[0]
        if structure is not None:  # lists, and dictionaries by the names of the inputs
            given = keras.tree.pack_sequence_as(structure, list(inputs))
        return list(tf.nest.flatten(model(given, training=False)))

    tensors = getattr(model, "inputs", None) or []
    specs = [_fixed(each.name, each.shape, each.dtype, warnings) for each in tensors]
    return call, specs or [_fixed("inputs", _built_shape(model), "float32", warnings)]


def _built_shape(model: Any) -> list[int | None]:
    """The shape that a subclassed model was called with before it was saved."""
    shape = (model.get_build_config() or {}).get("input_shape")
    if not shape or not all(size is None or isinstance(size, int) for size in shape):
        raise ModelFileError(
            "the model does not know its input shape", "call it once before saving it"
        )
    return list(shape)


def _fixed(name: str, given: Any, dtype: Any, warnings: list[str]) -> Any:
    tf = train_tensorflow.tensorflow()
    open_rank = getattr(given, "rank", 0) is None  # of a SavedModel; Keras has tuples
    shape = None if open_rank else list(given)
    if shape and shape[0] is None:
        shape[0] = 1
    if shape is None or None in shape:
        raise ModelFileError(
            f"the input {name!r} has no fixed shape: {given}",
            "build the model with a fixed Input shape; a microcontroller plans its memory ahead",
        )
    if shape and shape[0] != 1:
        warnings.append(f"the input {name!r} has a batch of {shape[0]}")
    return tf.TensorSpec(shape, dtype, name=name)
