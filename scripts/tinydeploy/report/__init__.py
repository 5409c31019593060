"""The report of a deployment, for people (HTML, Markdown, terminal) and for machines (JSON)."""

from __future__ import annotations
