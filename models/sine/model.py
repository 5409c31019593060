"""A regressor for one period of the sine: two hidden layers of 16 units."""

from __future__ import annotations

import keras


def build(variant: str | None = None) -> keras.Model:
    """Input x [1, 1] in radians, 0 to 2 pi; output [1, 1], about sin(x); for all variants."""
    x = keras.Input((1,), batch_size=1, name="x")
    hidden = keras.layers.Dense(16, activation="relu")(x)
    hidden = keras.layers.Dense(16, activation="relu")(hidden)
    return keras.Model(x, keras.layers.Dense(1, name="y")(hidden), name="sine")
