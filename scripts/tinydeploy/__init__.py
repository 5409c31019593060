"""tinydeploy: from a Keras model to a microcontroller that provably computes the same."""

from __future__ import annotations

__version__ = "0.1.0"
