"""The report of a deployment, for people (HTML, Markdown, terminal) and for machines (JSON).

`Report` (model.py) holds what was found; the other modules are pure functions of it.
`python -m tinydeploy.report build/kws/nano33/report.json` renders the pages beside it again.
"""

from __future__ import annotations

from pathlib import Path

from tinydeploy import whole
from tinydeploy.report import html, markdown
from tinydeploy.report.model import Report
from tinydeploy.report.serialize import from_dict, to_dict, to_json

__all__ = ["Report", "from_dict", "to_dict", "to_json", "withdraw", "write"]

FILES = ("report.json", "report.md", "report.html")


def write(report: Report, folder: Path) -> Path:
    """Write `report.json`, `.md` and `.html` into `folder`; returns the path of the HTML.

    At no moment are there files of two reports.
    """
    texts = (to_json(report), markdown.render(report), html.render(report))
    withdraw(folder)
    for name, text in zip(FILES, texts, strict=True):
        whole.write(folder / name, text)
    return folder / FILES[-1]


def withdraw(folder: Path) -> None:
    """Remove the report in `folder`: what it is about changes."""
    for name in FILES:
        (folder / name).unlink(missing_ok=True)
