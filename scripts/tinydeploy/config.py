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

    `TINYDEPLOY_CACHE` overrides it; else the XDG cache folder; in the build folder where this user
    has no home, or none to write to.
    """
    override = os.environ.get("TINYDEPLOY_CACHE")
    if override:
        return Path(override)
    try:
        base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    except RuntimeError:  # a uid without an entry, and no HOME
        return BUILD_DIR / "cache"
    return base / "tinydeploy" if _is_writable(base / "tinydeploy") else BUILD_DIR / "cache"


def _is_writable(folder: Path) -> bool:
    """Whether it can be written to, or be made."""
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return os.access(folder, os.W_OK)
