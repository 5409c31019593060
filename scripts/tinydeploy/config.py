"""Where things are: the checkout, its build folder and the per-machine cache."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD_DIR = ROOT / "build"
MODELS_DIR = ROOT / "models"
FIRMWARE_DIR = ROOT / "firmware"


def cache_dir() -> Path:
    """Per-machine cache for what is large and can be had again: data sets, PlatformIO's core.

    `TINYDEPLOY_CACHE` overrides it; else the XDG cache folder.
    """
    override = os.environ.get("TINYDEPLOY_CACHE")
    if override:
        return Path(override)
    base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    return Path(base) / "tinydeploy"
