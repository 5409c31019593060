"""TensorFlow and Keras without their chatter, and from a fixed seed."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tinydeploy.errors import SetupError

_QUIET_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "3",
    "TF_ENABLE_ONEDNN_OPTS": "0",  # one set of kernels, hence one result, on every x86-64 CPU
    "CUDA_VISIBLE_DEVICES": "-1",  # the models are too small to gain, and GPUs round differently
    "KERAS_BACKEND": "tensorflow",
}


def tensorflow() -> Any:
    """The module `tensorflow`, imported on first use (several seconds).

    Raises:
        SetupError: it is not installed.
    """
    return _imported("tensorflow")


def keras() -> Any:
    """The module `keras`, imported on first use together with TensorFlow."""
    tensorflow()
    return _imported("keras")


def _imported(name: str) -> Any:
    if name in sys.modules:
        return sys.modules[name]
    for variable, value in _QUIET_ENVIRONMENT.items():
        os.environ.setdefault(variable, value)
    try:
        with quiet():
            return __import__(name)
    except ImportError as error:
        raise SetupError(
            f"{name} cannot be imported: {error}",
            "training and conversion need it: pip install -e '.[train]', or start through "
            "`python scripts/deploy.py`, which installs what a command needs",
        ) from error


@contextmanager
def quiet() -> Iterator[list[str]]:
    """Keep what C++ writes to file descriptors 1 and 2 off the screen.

    Yields:
        A list that holds the lines after the block has ended.
    """
    lines: list[str] = []
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 1)
        os.dup2(captured.fileno(), 2)
        try:
            yield lines
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for number, descriptor in enumerate(kept, start=1):
                os.dup2(descriptor, number)
                os.close(descriptor)
            captured.seek(0)
            lines += captured.read().decode("utf-8", "replace").splitlines()


def fix_seeds(seed: int) -> None:
    """Make Python, NumPy and TensorFlow repeat themselves; forget models built before.

    Keras counts layers without a name, and those names reach the .tflite.
    """
    keras().utils.clear_session()
    keras().utils.set_random_seed(seed)
    tensorflow().config.experimental.enable_op_determinism()
