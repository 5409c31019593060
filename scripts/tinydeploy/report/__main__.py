"""Renders the pages of a `report.json` again."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from tinydeploy.report import from_dict, write


def main(arguments: list[str]) -> int:
    """Render the pages beside each of the files named."""
    for name in arguments:
        path = Path(name)
        print(write(from_dict(json.loads(path.read_text(encoding="utf-8"))), path.parent))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
