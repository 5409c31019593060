"""Run all tests, or those that pytest's arguments name: `python scripts/test.py -k link`.

Needs only Python: makes `.venv` on the first run, TensorFlow included. Paths are relative to the
checkout.
"""

import os
import sys

import starter

if __name__ == "__main__":
    os.chdir(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    starter.start("dev", ["-m", "pytest"] + sys.argv[1:])  # noqa: RUF005
