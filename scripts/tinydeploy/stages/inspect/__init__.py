"""Fit before build: what a .tflite needs, whether it runs, and what is odd about it."""

from __future__ import annotations

from tinydeploy.stages.inspect.analysis import Inspection, inspect
from tinydeploy.stages.inspect.lint import Finding
from tinydeploy.stages.inspect.render import to_html, to_json, to_text

__all__ = ["Finding", "Inspection", "inspect", "to_html", "to_json", "to_text"]
