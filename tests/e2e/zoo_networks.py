"""Networks as users bring them, small: what they are built of matters, not what they know.

Each function gives a Keras model with random weights of a fixed seed. `make_zoo.py` converts them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf
from tinydeploy.stages.train_tensorflow import keras as load_keras

keras = load_keras()
layers = keras.layers


def _model(inputs: Any, outputs: Any) -> Any:
    return keras.Model(inputs, outputs)


def _image(side: int, channels: int) -> Any:
    return keras.Input((side, side, channels), batch_size=1)


def _conv(x: Any, filters: int, size: int = 3, *, stride: int = 1, relu: Any = "relu") -> Any:
    """Convolution, batch normalization, activation: as everybody writes it."""
    x = layers.Conv2D(filters, size, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(relu)(x) if relu else x


def _depthwise(x: Any, size: int = 3, *, stride: int = 1, relu: Any = "relu") -> Any:
    x = layers.DepthwiseConv2D(size, strides=stride, padding="same", use_bias=False)(x)
    x = layers.BatchNormalization()(x)
    return layers.Activation(relu)(x) if relu else x


def _classified(x: Any, classes: int = 5) -> Any:
    """Weights large enough that classes differ on noise."""
    x = layers.GlobalAveragePooling2D()(x)
    weights = keras.initializers.RandomNormal(stddev=1.0, seed=1)
    return layers.Dense(classes, activation="softmax", kernel_initializer=weights)(x)


def mobilenet_v2() -> Any:
    """Inverted residuals with linear bottlenecks and ReLU6."""
    inputs = _image(24, 3)
    x = _conv(inputs, 8, stride=2, relu="relu6")
    for stride, channels in ((1, 8), (2, 12), (1, 12), (2, 16)):
        shortcut = x
        x = _conv(x, 4 * x.shape[-1], 1, relu="relu6")
        x = _depthwise(x, stride=stride, relu="relu6")
        x = _conv(x, channels, 1, relu=None)
        if shortcut.shape == x.shape:
            x = layers.Add()([shortcut, x])
    return _model(inputs, _classified(_conv(x, 32, 1, relu="relu6")))


def resnet() -> Any:
    """A stem with max pooling, residual blocks with projections."""
    inputs = _image(24, 3)
    x = _conv(layers.ZeroPadding2D(2)(inputs), 8, 5, stride=2)
    x = layers.MaxPooling2D(3, 2, padding="same")(x)
    for stride, channels in ((1, 8), (2, 16)):
        shortcut = x
        if stride != 1:
            shortcut = _conv(x, channels, 1, stride=stride, relu=None)
        x = _conv(x, channels, stride=stride)
        x = _conv(x, channels, relu=None)
        x = layers.ReLU()(layers.Add()([shortcut, x]))
    return _model(inputs, _classified(x, 10))


def unet() -> Any:
    """Down and up with skips: both ways of resizing, a mask of every pixel."""
    inputs = _image(16, 1)
    x, skips = inputs, []
    for channels in (4, 8):
        x = _conv(x, channels)
        skips.append(x)
        x = layers.MaxPooling2D()(x)
    x = _conv(x, 16)
    for skip, how in zip(reversed(skips), ("nearest", "bilinear"), strict=True):
        x = layers.Resizing(2 * x.shape[1], 2 * x.shape[2], interpolation=how)(x)
        x = _conv(layers.Concatenate()([x, skip]), skip.shape[-1])
    return _model(inputs, layers.Conv2D(1, 1, activation="sigmoid")(x))


def audio_1d() -> Any:
    """Convolutions over time, some dilated and causal, of a waveform."""
    inputs = keras.Input((256, 1), batch_size=1)
    x = layers.Conv1D(8, 16, strides=4, activation="relu")(inputs)
    for dilation in (1, 2, 4):
        y = layers.Conv1D(8, 3, padding="causal", dilation_rate=dilation, activation="relu")(x)
        x = layers.Add()([x, layers.Conv1D(8, 1)(y)])
    x = layers.MaxPooling1D(4)(x)
    x = layers.SeparableConv1D(12, 3, activation="relu")(x)
    x = layers.GlobalMaxPooling1D()(x)
    return _model(inputs, layers.Dense(4, activation="softmax")(x))


def wavenet() -> Any:
    """Gated residual blocks, summed skips."""
    inputs = keras.Input((32, 4), batch_size=1)
    x, skips = layers.Conv1D(6, 1)(inputs), []
    for dilation in (1, 2):
        options = {"padding": "causal", "dilation_rate": dilation}
        gate = layers.Conv1D(6, 2, activation="sigmoid", **options)(x)
        value = layers.Conv1D(6, 2, activation="tanh", **options)(x)
        y = layers.Multiply()([gate, value])
        skips.append(layers.Conv1D(6, 1)(y))
        x = layers.Add()([x, layers.Conv1D(6, 1)(y)])
    y = layers.Conv1D(3, 1)(layers.ReLU()(layers.Add()(skips)))
    return _model(inputs, layers.Softmax()(y))


def lstm() -> Any:
    """Two LSTM layers over features of a gesture."""
    inputs = keras.Input((12, 6), batch_size=1)
    x = layers.LSTM(10, return_sequences=True)(inputs)
    x = layers.LSTM(8)(x)
    return _model(inputs, layers.Dense(3, activation="softmax")(x))


def gru() -> Any:
    """A GRU, unrolled by Keras: hundreds of small operators."""
    inputs = keras.Input((6, 5), batch_size=1)
    x = layers.GRU(8, unroll=True)(inputs)
    return _model(inputs, layers.Dense(3)(x))


def mobilenet_v3() -> Any:
    """Hard swish, squeeze and excitation."""
    inputs = _image(16, 3)
    x = _conv(inputs, 8, stride=2, relu="hard_swish")
    for channels in (8, 12):
        y = _conv(x, 16, 1, relu="hard_swish")
        y = _depthwise(y, 5, relu="hard_swish")
        squeezed = layers.GlobalAveragePooling2D(keepdims=True)(y)
        squeezed = layers.Conv2D(4, 1, activation="relu")(squeezed)
        excited = layers.Conv2D(16, 1, activation="hard_sigmoid")(squeezed)
        y = _conv(layers.Multiply()([y, excited]), channels, 1, relu=None)
        x = layers.Add()([x, y]) if x.shape == y.shape else y
    return _model(inputs, _classified(_conv(x, 24, 1, relu="hard_swish")))


def transformer() -> Any:
    """An encoder: self-attention with two heads, layer normalization, SiLU."""
    inputs = keras.Input((10, 8), batch_size=1)
    x = layers.Dense(12)(inputs)
    y = layers.MultiHeadAttention(num_heads=2, key_dim=6)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    y = layers.Dense(12)(layers.Dense(16, activation="silu")(x))
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling1D()(x)
    return _model(inputs, layers.Dense(4, activation="softmax")(x))


def autoencoder() -> Any:
    """Convolutions down, transposed convolutions up."""
    inputs = _image(16, 1)
    x = layers.Conv2D(4, 3, strides=2, padding="same", activation="relu")(inputs)
    x = layers.Conv2D(8, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Dense(6)(layers.Flatten()(x))
    x = layers.Reshape((4, 4, 8))(layers.Dense(128, activation="relu")(x))
    x = layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu")(x)
    x = layers.Conv2DTranspose(1, 3, strides=2, padding="same")(x)
    return _model(inputs, x)


def detector() -> Any:
    """Two feature maps with anchors: boxes and scores of all, in one output each."""
    inputs = _image(24, 3)
    x = _conv(_conv(inputs, 8, stride=2, relu="relu6"), 12, stride=2, relu="relu6")
    boxes, scores = [], []
    for _ in range(2):
        x = _conv(_depthwise(x, stride=2, relu="relu6"), 16, 1, relu="relu6")
        boxes.append(layers.Reshape((-1, 4))(layers.Conv2D(8, 3, padding="same")(x)))
        scores.append(layers.Reshape((-1, 3))(layers.Conv2D(6, 3, padding="same")(x)))
    score = layers.Activation("sigmoid")(layers.Concatenate(axis=1)(scores))
    return _model(inputs, [layers.Concatenate(axis=1)(boxes), score])


def shufflenet() -> Any:
    """Grouped convolutions with channels shuffled between."""
    inputs = _image(12, 4)
    x = _conv(inputs, 8, stride=2)
    for _ in range(2):
        y = layers.Conv2D(8, 1, groups=2, activation="relu")(x)
        y = layers.Reshape((6, 6, 2, 4))(y)
        y = layers.Reshape((6, 6, 8))(layers.Permute((1, 2, 4, 3))(y))
        y = layers.Conv2D(8, 1, groups=2)(_depthwise(y, relu=None))
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.AveragePooling2D(3)(x)
    return _model(inputs, layers.Dense(5)(layers.Flatten()(x)))


def sensor_fusion() -> Any:
    """Two inputs of different kinds, unusual activations."""
    motion = keras.Input((20, 3), batch_size=1)
    sound = _image(8, 1)
    a = layers.PReLU(shared_axes=[1])(layers.Conv1D(8, 5, strides=2)(motion))
    a = layers.GlobalAveragePooling1D()(a)
    b = layers.LeakyReLU(negative_slope=0.2)(layers.Conv2D(6, 3)(sound))
    b = layers.ELU()(layers.Conv2D(6, 3)(layers.AveragePooling2D(2)(b)))
    x = layers.Concatenate()([a, layers.Flatten()(b)])
    return _model([motion, sound], layers.Dense(3)(layers.Dense(10, activation="tanh")(x)))


def siamese() -> Any:
    """One tower for two images, the distance between what it makes of them."""
    image = _image(8, 1)
    y = layers.Flatten()(layers.Conv2D(6, 3, strides=2, activation="relu")(image))
    tower = _model(image, layers.UnitNormalization()(layers.Dense(8)(y)))
    pair = [_image(8, 1), _image(8, 1)]
    difference = layers.Subtract()([tower(each) for each in pair])
    distance = keras.ops.sum(keras.ops.square(difference), axis=-1, keepdims=True)
    return _model(pair, distance)


class Words(layers.Layer):  # type: ignore[misc]
    """An embedding. Keras' own minds negative numbers, by an operator that TFLM does not have."""

    def build(self, _: Any) -> None:
        """Make the table."""
        self.table = self.add_weight(shape=(50, 8), initializer="random_normal")

    def call(self, words: Any) -> Any:
        """[batch, words] to [batch, words, 8]."""
        return tf.gather(self.table, words)


def text() -> Any:
    """Words as numbers, the mean of their embedding."""
    inputs = keras.Input((12,), batch_size=1, dtype="int32")
    x = layers.GlobalAveragePooling1D()(Words()(inputs))
    return _model(inputs, layers.Dense(4)(layers.Dense(8, activation="relu")(x)))


NETWORKS: dict[str, Callable[[], Any]] = {
    each.__name__: each
    for each in (
        *(mobilenet_v2, resnet, unet, audio_1d, wavenet, lstm, gru, mobilenet_v3),
        *(transformer, autoencoder, detector, shufflenet, sensor_fusion, siamese, text),
    )
}
