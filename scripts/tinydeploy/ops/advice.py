"""What to change in Keras when an operator does not run."""

from __future__ import annotations

_ADVICE = {
    "BROADCAST_TO": "repeat with Concatenate, or let Add and Multiply broadcast by themselves",
    "CONV_3D": "use Conv2D with the depth folded into the channels",
    "GELU": "use relu, or hard_swish for something as smooth",
    "LSTM": "use keras.layers.LSTM, which converts to UNIDIRECTIONAL_SEQUENCE_LSTM, or unroll=True",
    "ONE_HOT": "do it before the model, or multiply with an identity matrix (Dense)",
    "POW": "multiply the tensor with itself, or use keras.ops.square or sqrt",
    "RANGE": "precompute it as a constant",
    "RANK": "give Input a batch_size, so that all shapes are constant",
    "SELECT": "use keras.ops.where with equal shapes; for Embedding a Layer that calls tf.gather",
    "SHAPE": "give Input a batch_size, so that all shapes are constant",
    "TILE": "UpSampling2D converts to TILE: use keras.layers.Resizing, or Conv2DTranspose",
    "TOPK_V2": "give all scores out and choose on the CPU",
    "WHERE": "use keras.ops.where with three arguments",
    "BIDIRECTIONAL_SEQUENCE_LSTM": "use two LSTM layers, one of them on the reversed sequence",
    "UNIDIRECTIONAL_SEQUENCE_RNN": "use SimpleRNN(unroll=True)",
    "LOCAL_RESPONSE_NORMALIZATION": "use BatchNormalization",
}
_FLEX = "convert with TFLITE_BUILTINS only; rewrite the layer with operators that TFLite has"
_CUSTOM = "a custom operator runs only where its kernel does: rewrite it with standard layers"
_GENERAL = "replace the layer that makes it by others, or do that step outside of the model"

# Custom operators that hold a network compiled for an accelerator, by how their names begin.
_ACCELERATORS = {
    "ethos-u": ("Arm's Ethos-U", "Vela"),
    "XC_": ("XMOS's xcore", "xmos-ai-tools"),
    "edgetpu-custom-op": ("Google's Edge TPU", "edgetpu_compiler"),
}


def compiled_for(operator: str) -> str:
    """The accelerator that a file with this custom operator was compiled for, "" if for none."""
    return _accelerator(operator)[0]


def _accelerator(operator: str) -> tuple[str, str]:
    found = (names for start, names in _ACCELERATORS.items() if operator.startswith(start))
    return next(found, ("", ""))


def advice(operator: str) -> str:
    """What to change so that `operator` does not appear."""
    _, compiler = _accelerator(operator)
    if compiler:
        return f"take the int8 .tflite from before {compiler}, the one that was given to it"
    if operator.startswith("Flex"):
        return _FLEX
    if operator in _ADVICE:
        return _ADVICE[operator]
    return _GENERAL if operator.isupper() else _CUSTOM
