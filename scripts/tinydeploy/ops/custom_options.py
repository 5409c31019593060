"""Options of custom operators: a FlexBuffer, which any file may have damaged."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from flatbuffers import flexbuffers

from tinydeploy import bounds
from tinydeploy.graph.ir import Op

# What the flatbuffers package raises on bytes that are no FlexBuffer.
_UNREADABLE = (ArithmeticError, AssertionError, LookupError, TypeError, ValueError, struct.error)


def options_of(op: Op) -> Mapping[str, Any]:
    """The options of a custom operator; nothing where they can't be read, as on the device."""
    try:
        root = flexbuffers.GetRoot(op.custom_options)
        return _numbers(root.AsMap) if root.IsMap else {}
    except _UNREADABLE:
        return {}


def count(op: Op, name: str) -> int:
    """An option that says how many; 0 if it is not there, or is none."""
    value = options_of(op).get(name, 0)
    return max(int(value), 0) if isinstance(value, int) else 0


def _numbers(options: Any) -> dict[str, Any]:
    """Those that are numbers, which are all that the kernels read. Vectors and maps in one another
    are not entered: they may be endless, or one and the same a million times.
    """
    most = min(len(options), bounds.CUSTOM_OPTIONS)
    values = ((options.Keys[i].AsKey, options.Values[i]) for i in range(most))
    return {str(key): value.Value for key, value in values if value.IsNumeric or value.IsBool}
