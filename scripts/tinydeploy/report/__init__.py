"""The report of a deployment, for people (HTML, Markdown, terminal) and for machines (JSON).

`Report` (model.py) holds what was found; the other modules are pure functions of it.
`python -m tinydeploy.report build/kws/nano33/report.json` renders the pages beside it anew.
"""

from __future__ import annotations

from pathlib import Path

from tinydeploy.report import html, markdown
from tinydeploy.report.model import Report
from tinydeploy.report.serialize import from_dict, to_dict, to_json

__all__ = ["Report", "from_dict", "to_dict", "to_json", "write"]


def write(report: Report, folder: Path) -> Path:
    """Write `report.json`, `.md` and `.html` into `folder`; returns the path of the HTML."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "report.json").write_text(to_json(report), encoding="utf-8")
    (folder / "report.md").write_text(markdown.render(report), encoding="utf-8")
    page = folder / "report.html"
    page.write_text(html.render(report), encoding="utf-8")
    return page
