"""The report of a deployment: what was measured, for people (HTML, Markdown, terminal) and machines."""

from __future__ import annotations
