"""Keras's recurrent layers in the forms that TFLM runs: one fused LSTM operator, or no loop.

Keras 3 runs LSTM, GRU and SimpleRNN as loops over lists of tensors. TFLM has no such lists, and
TensorFlow's quantizer crashes over them. The converter makes an UNIDIRECTIONAL_SEQUENCE_LSTM of
any function that says that it implements Keras's LSTM (`api_implements`, of Keras 2's layers): so
an ordinary LSTM is called through such a function. All else is unrolled, a copy for each step.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from tinydeploy.stages import train_tensorflow

MANY_STEPS = 16  # unrolled, that is some 200 operators


def prepare(model: Any, warnings: list[str]) -> bool:
    """Leave no loop in a Keras model; return whether layers in it can be fused.

    Changes the model, whose outputs stay the same. Long sequences that have to be unrolled are
    added to `warnings` when the model is called.
    """
    layers: list[Any] = [
        layer for layer in model._flatten_layers() if isinstance(layer, _recurrent())
    ]
    any_fusable = False
    for layer in layers:
        if layer.unroll:
            continue
        layer.inner_loop, fusable = _unrolled(layer, warnings), _fusable(layer)
        layer.unroll = True
        if fusable:
            layer.inner_loop, any_fusable = _fused(layer, layer.inner_loop), True
    return any_fusable


@contextmanager
def exported(call: Callable[..., Any], model: Any, specs: list[Any], folder: Path) -> Iterator[Any]:
    """A SavedModel of a Keras model whose functions are still whole, its variables constant.

    Freezing a function would inline what it calls; variables, the calibration cannot read.

    Args:
        call: of the model, with its inputs in the order of `specs`; returns its outputs.
    """
    tf = train_tensorflow.tensorflow()
    variables = [(variable, variable._value) for variable in model.variables]
    module = tf.Module()
    try:
        for variable, value in variables:
            variable._value = tf.constant(value.numpy())
        with train_tensorflow.quiet():
            module.call = tf.function(call, input_signature=specs)
            tf.saved_model.save(module, str(folder), signatures=module.call)
        yield folder
    finally:
        for variable, value in variables:
            variable._value = value


def _recurrent() -> tuple[type, ...]:
    layers = train_tensorflow.keras().layers
    return (layers.LSTM, layers.GRU, layers.SimpleRNN)


def _fusable(layer: Any) -> bool:
    keras = train_tensorflow.keras()
    return (
        isinstance(layer, keras.layers.LSTM)
        and layer.activation is keras.activations.tanh
        and layer.recurrent_activation is keras.activations.sigmoid
        and layer.use_bias
        and not (layer.go_backwards or layer.stateful or layer.return_state)
    )


def _unrolled(layer: Any, warnings: list[str]) -> Callable[..., Any]:
    """The layer's own `inner_loop`, as `layer.unroll` has it, with a word about its cost."""
    own = layer.inner_loop

    def inner_loop(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        steps = sequences.shape[1]
        warning = (
            f"the layer {layer.name!r} ({type(layer).__name__}) is unrolled, a copy for each of "
            f"{steps} steps; an LSTM with the default activations stays one operator"
        )
        if steps > MANY_STEPS and warning not in warnings:
            warnings.append(warning)
        return own(sequences, initial_state, mask, training)

    return inner_loop


def _fused(layer: Any, unrolled: Callable[..., Any]) -> Callable[..., Any]:
    """In place of the layer's `inner_loop`: last output, all outputs, states."""
    tf = train_tensorflow.tensorflow()

    def inner_loop(sequences: Any, initial_state: Any, mask: Any, training: bool = False) -> Any:
        if mask is not None or not all(_is_zero(tf, state) for state in initial_state):
            return unrolled(sequences, initial_state, mask, training)
        cell = layer.cell
        weights = (cell.kernel, cell.recurrent_kernel, cell.bias)
        constants = [tf.convert_to_tensor(weight) for weight in weights]
        _, outputs, *states, _ = _composite(tf)(sequences, *initial_state, *constants)
        return outputs[:, -1], outputs, states

    return inner_loop


def _is_zero(tf: Any, state: Any) -> bool:
    value = tf.get_static_value(state)
    return value is not None and not np.any(value)


def _composite(tf: Any) -> Any:
    """Keras's LSTM as a function that TensorFlow Lite's converter knows by its attributes.

    The body is what a caller outside of the converter gets: gates in the order of Keras's
    weights, which is input, forget, cell, output.
    """

    def standard_lstm(
        inputs: Any, hidden: Any, memory: Any, kernel: Any, recurrent: Any, bias: Any
    ) -> Any:
        outputs = []
        for step in tf.unstack(inputs, axis=1):
            gates = tf.matmul(step, kernel) + tf.matmul(hidden, recurrent) + bias
            admit, keep, new, show = tf.split(gates, 4, axis=1)
            memory = tf.sigmoid(keep) * memory + tf.sigmoid(admit) * tf.tanh(new)
            hidden = tf.sigmoid(show) * tf.tanh(memory)
            outputs.append(hidden)
        return hidden, tf.stack(outputs, axis=1), hidden, memory, tf.constant(1.0)

    attributes = {
        "api_implements": f"lstm_{uuid.uuid4()}",
        "api_preferred_device": "CPU",
        "time_major": False,
        "go_backwards": False,
    }
    return tf.function(standard_lstm, autograph=False, experimental_attributes=attributes)
