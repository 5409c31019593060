"""Where things are: the checkout, its build folder and the per-machine cache."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from tinydeploy.errors import SetupError

ROOT = Path(__file__).resolve().parents[2]
BUILD_DIR = ROOT / "build"
MODELS_DIR = ROOT / "models"
FIRMWARE_DIR = ROOT / "firmware"


def cache_dir() -> Path:
    """Per-machine cache for what is large and can be had again: data sets, PlatformIO's core.

    `TINYDEPLOY_CACHE` overrides it; else the XDG cache folder; in the build folder where this user
    has no home, or none to write to. Programs in it are run, so that no other user may write there.

    Raises:
        SetupError: somebody else may write to the folder that `TINYDEPLOY_CACHE` names.
    """
    override = os.environ.get("TINYDEPLOY_CACHE")
    if override:
        folder = Path(override)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if fault := _fault(folder):
            raise SetupError(
                f"TINYDEPLOY_CACHE, {folder}: {fault}, and what lies there is run",
                "take a folder of your own that others cannot write to",
            )
        return folder
    try:
        folder = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tinydeploy"
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except (RuntimeError, OSError):  # a uid without an entry, and no HOME; or not to be written
        return BUILD_DIR / "cache"
    is_ours = os.access(folder, os.W_OK) and not _fault(folder)
    return folder if is_ours else BUILD_DIR / "cache"


def _fault(folder: Path) -> str:
    """Who else decides what lies in `folder`, or leads there, in words; "" if no one does."""
    if os.name != "posix":
        return ""
    named, real = Path(os.path.abspath(folder)), folder.resolve()
    places = dict.fromkeys([named, *named.parents, real, *real.parents])
    trusted = {0, os.geteuid(), ROOT.stat().st_uid}
    for place in places:
        told = place.lstat()
        if told.st_uid not in trusted:
            return f"{place} belongs to user {told.st_uid}"
        is_shared = told.st_mode & stat.S_IWOTH and not stat.S_ISLNK(told.st_mode)
        if is_shared and (place == real or not told.st_mode & stat.S_ISVTX):
            return f"everybody may write to {place}"
    return ""
