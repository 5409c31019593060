"""Features: what the net hears of a second of sound.

TensorFlow's audio micro-front-end: every 20 ms the energies of 40 bands of a 30 ms window, with the
steady noise taken off, automatic gain and a logarithm. Everything that trains or measures goes
through `features`, so that another implementation of the front end needs to change only this file.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from .speech import SAMPLE_RATE_HZ, Waveform

FRAMES, CHANNELS = 49, 40
WINDOW_MS, STEP_MS = 30, 20
STEPS_A_SECOND = 1000 // STEP_MS

Features = npt.NDArray[np.int8]


def features(waveform: Waveform) -> Features:
    """int8 [49, 40] of one second at 16 kHz; -128 is silence."""
    return to_int8(energies(waveform))


def seconds(waveform: Waveform) -> Features:
    """int8 [n, 49, 40] of n seconds that one front end hears without a pause.

    A window in which two seconds meet belongs to neither.
    """
    steps = STEPS_A_SECOND * (len(waveform) // SAMPLE_RATE_HZ)
    heard = np.zeros((steps, CHANNELS), np.uint16)
    heard[: steps - 1] = energies(waveform)
    return to_int8(heard.reshape(-1, STEPS_A_SECOND, CHANNELS)[:, :FRAMES])


def energies(waveform: Waveform) -> npt.NDArray[np.uint16]:
    """uint16 [49, 40] of a second, 50 more for each more: what the front end gives, 0 to 670."""
    tf, front_end = front_end_of_tensorflow()
    result: npt.NDArray[np.uint16] = front_end(
        tf.constant(waveform),
        sample_rate=SAMPLE_RATE_HZ,
        window_size=WINDOW_MS,
        window_step=STEP_MS,
        num_channels=CHANNELS,
        out_scale=1,
        out_type=tf.uint16,
    ).numpy()
    return result


def to_int8(values: npt.NDArray[np.uint16]) -> Features:
    """The mapping of TFLM's micro_speech: 0 to 666 onto -128 to 127, rounded."""
    scaled = (values.astype(np.int32) * 256 + 333) // 666 - 128
    return np.clip(scaled, -128, 127).astype(np.int8)


def to_model(values: Features) -> npt.NDArray[np.float32]:
    """What the float model takes, [0, 255 / 256]: the int8 model's scale is 1/256, zero point -128.

    So the int8 features are the quantized model's input as they are.
    """
    return np.asarray((values.astype(np.float32) + 128) / 256, np.float32)


def front_end_of_tensorflow() -> tuple[Any, Any]:
    """TensorFlow and its operator, to be imported before there are threads: two would deadlock."""
    from tinydeploy.stages import train_tensorflow

    tf = train_tensorflow.tensorflow()
    from tensorflow.lite.experimental.microfrontend.python.ops import audio_microfrontend_op

    return tf, audio_microfrontend_op.audio_microfrontend
