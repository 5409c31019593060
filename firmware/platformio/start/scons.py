"""What PlatformIO starts as its package tool-scons: SCons, wherever the checkout has it.

SCons is plain Python, so that any Python can run it. That of `.venv` serves a PlatformIO that was
installed without one.
"""

import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def import_main():
    """SCons' entry: of the running Python, else of `.venv`."""
    try:
        from SCons.Script.Main import main
    except ImportError:
        sys.path += map(str, ROOT.glob(".venv*/lib/python3*/site-packages"))
        from SCons.Script.Main import main
    return main


try:
    start = import_main()
except ImportError:
    sys.exit("no SCons: `python scripts/deploy.py` makes .venv, which has it")

start()
