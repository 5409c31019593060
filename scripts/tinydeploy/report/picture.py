"""The memory map of a `report.json` as a picture of its own, for a document.

python -m tinydeploy.report.picture build/kws/nano33/report.json docs/arena_kws.svg
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

from tinydeploy import whole
from tinydeploy.errors import UsageError
from tinydeploy.report import charts, colors, from_dict
from tinydeploy.report import text as shown_text
from tinydeploy.report.model import Report

# What of the page's style the drawing needs: the two sets of colors, and the rules for its parts.
_COLORS = re.compile(r"^:root \{.*?^\}\n@media \(prefers-color-scheme: dark\).*?^\}\n", re.M | re.S)
_NAMED = '<svg xmlns="http://www.w3.org/2000/svg" '
_PARTS = re.compile(r"^(?:svg|\.buffer)\b.*$", re.M)


def memory_picture(report: Report) -> str:
    """SVG of the arena over the operators.

    Raises:
        UsageError: the report has no memory map.
    """
    report = shown_text.harmless(report)
    if report.memory is None:
        raise UsageError("the report has no memory map", "deploy the model again")
    drawing = str(charts.memory_map(report.memory, colors.of_ops(report)))
    style = f"<style>\n{_style()}</style>"
    head, rest = drawing.split("\n", 1)
    return f"{head.replace('<svg ', _NAMED, 1)}\n{style}\n{rest}\n"


def _style() -> str:
    css = (Path(__file__).parent / "style.css").read_text(encoding="utf-8")
    found = _COLORS.search(css)
    assert found is not None
    return found[0] + "".join(f"{rule}\n" for rule in _PARTS.findall(css))


def main(arguments: list[str]) -> int:
    """Draw the memory map of the first file into the second."""
    if len(arguments) != 2:
        print(__doc__, file=sys.stderr)
        return 2
    source, out = map(Path, arguments)
    report = from_dict(json.loads(source.read_text(encoding="utf-8")))
    whole.write(out, memory_picture(report))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
