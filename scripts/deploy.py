"""Deploy a model to a board, or to its simulator: `python scripts/deploy.py --board nano33`.

Needs only Python: makes `.venv` on the first run. `--help` shows the options.
"""

import sys

import starter

if __name__ == "__main__":
    starter.start("base", ["-m", "tinydeploy", "deploy"] + sys.argv[1:])  # noqa: RUF005
