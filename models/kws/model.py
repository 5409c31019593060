"""Two small convolutional nets for 49 x 40 features; both use operators that every TFLM has."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np
import numpy.typing as npt
from keras import layers
from tinydeploy import models
from tinydeploy.models import ModelSpec

from .data import UNKNOWN_LABEL, hidden_words
from .features import CHANNELS, FRAMES

SPEC = models.load_folder(Path(__file__).parent)


def build(variant: str | None = None, spec: ModelSpec = SPEC) -> keras.Model:
    """Input features [1, 49, 40, 1] in [0, 1), output probabilities [1, labels].

    Args:
        variant: "tiny_conv" or "ds_cnn", which is also the default.
        spec: whose labels it has.
    """
    body = {"tiny_conv": _tiny_conv, "ds_cnn": _ds_cnn}[variant or "ds_cnn"]
    heard = keras.Input((FRAMES, CHANNELS, 1), batch_size=1, name="features")
    # Behind 2,880 numbers each class more would be 2,880 bytes more.
    hidden = hidden_words(spec) if body is _ds_cnn else []
    classes = len(spec.labels) + len(hidden)
    each = layers.Dense(classes, activation="softmax", name="classes")(body(heard))
    if not hidden:
        return keras.Model(heard, each, name=variant or "ds_cnn")
    joined = layers.Dense(len(spec.labels), use_bias=False, trainable=False, name="scores")
    scores = joined(each)
    joined.set_weights([_joining(spec.labels, len(hidden))])
    return keras.Model(heard, scores, name=variant or "ds_cnn")


def trained_part(model: keras.Model) -> keras.Model:
    """The same net without the sum over hidden classes at its end, if there is one."""
    if model.layers[-1].name == "classes":
        return model
    return keras.Model(model.input, model.get_layer("classes").output)


def _joining(labels: Sequence[str], hidden: int) -> npt.NDArray[np.float32]:
    """[classes, labels]: each label is itself, hidden classes are `unknown`."""
    rows = [*range(len(labels)), *[labels.index(UNKNOWN_LABEL)] * hidden]
    return np.eye(len(labels), dtype=np.float32)[rows]


def _tiny_conv(x: keras.KerasTensor) -> keras.KerasTensor:
    """One convolution, as in TFLM's micro_speech, over 0.2 s and a fifth of the bands.

    Batch normalization, four more filters and half as many weights behind a pooling layer are worth
    two points of accuracy over micro_speech's own net.
    """
    x = _conv_bn(x, layers.Conv2D(12, (10, 8), strides=2, **_BARE), "conv")
    x = layers.MaxPooling2D((2, 1), name="pool")(x)
    x = layers.Dropout(0.4, seed=1)(x)
    return layers.Flatten()(x)


def _ds_cnn(x: keras.KerasTensor) -> keras.KerasTensor:
    """Depthwise separable convolutions, which see all of the second; the mean forgets when."""
    x = _conv_bn(x, layers.Conv2D(16, (5, 5), strides=2, **_BARE), "stem")
    for number, (channels, stride) in enumerate([(32, 2), (32, 1), (48, 2), (48, 1)]):
        depthwise = layers.DepthwiseConv2D((3, 3), strides=stride, **_BARE)
        x = _conv_bn(x, depthwise, f"depthwise_{number}")
        x = _conv_bn(x, layers.Conv2D(channels, 1, **_BARE), f"pointwise_{number}")
    x = layers.GlobalAveragePooling2D(name="mean")(x)
    return layers.Dropout(0.05, seed=1)(x)


_BARE = {"padding": "same", "use_bias": False}  # batch normalization brings the bias


def _conv_bn(x: keras.KerasTensor, conv: layers.Layer, name: str) -> keras.KerasTensor:
    x = layers.BatchNormalization(name=f"{name}_bn", momentum=0.97)(conv(x))
    return layers.ReLU(name=f"{name}_relu")(x)
