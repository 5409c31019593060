"""FlatBuffer tables by schema: `decode` checks every offset and size before it is used.

A table becomes a dict from field name to value: scalars as numbers, enumerations as their names,
vectors of scalars as numpy views into the buffer, vectors of tables as lists of dicts, unions as
`(name, dict)`. Absent strings, tables and unions are None, absent vectors empty.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from tinydeploy import bounds
from tinydeploy.graph import schema
from tinydeploy.graph.schema import Field

SCALARS = {
    "bool": "<?",
    "int8": "<b",
    "uint8": "<B",
    "int32": "<i",
    "uint32": "<I",
    "int64": "<q",
    "uint64": "<Q",
    "float32": "<f",
}
_ENUM_NAMES = {
    kind: {number: name for name, number in names.items()} for kind, names in schema.ENUMS.items()
}
_COUNTED = {
    name: [field for field in fields if field.is_vector and field.element in bounds.TABLES]
    for name, fields in schema.TABLES.items()
}
Table = dict[str, Any]


class FlatBufferError(ValueError):
    """The bytes are not what the schema says; the text says where and what was seen."""


def decode(data: bytes, table: str) -> Table:
    """Decode the root table of `data`, which is declared as `table` in the schema.

    Raises:
        FlatBufferError: something lies outside the buffer, is misaligned, or has no name.
    """
    return _Decoder(data).root(table)


class BeyondBoundsError(ValueError):
    """There is more of something than `bounds` lets a file have."""


class _Decoder:
    def __init__(self, data: bytes) -> None:
        self._data = data
        # Tables that refer to the same table again and again could unfold without end. An honest
        # file has a few bytes of its own for every table, string and vector.
        self._budget = 4 * len(data)
        self._counts: Counter[str] = Counter()

    def root(self, table: str) -> Table:
        return self._table(self._target(0, table), table, table)

    def _table(self, position: int, table: str, path: str) -> Table:
        slots = self._slots(position, path)
        self._count(position, slots, table, path)
        result: Table = {}
        for field in schema.TABLES[table]:
            offset = slots[field.slot] if field.slot < len(slots) else 0
            where = f"{path}.{field.name}"
            if field.type == "BuiltinOptions":
                kind = result[f"{field.name}_type"]
                result[field.name] = self._union(position + offset, offset, kind, where)
            elif not offset:
                result[field.name] = _absent(field)
            else:
                result[field.name] = self._value(position + offset, field, where)
        return result

    def _count(self, position: int, slots: Sequence[int], table: str, path: str) -> None:
        """Count the entries of all vectors of a table before any is decoded."""
        for field in _COUNTED.get(table, ()):
            offset = slots[field.slot] if field.slot < len(slots) else 0
            if offset:
                vector = self._target(position + offset, f"{path}.{field.name}")
                self._counts[field.element] += self._scalar(vector, "uint32", path)
                most, words = bounds.TABLES[field.element]
                if self._counts[field.element] > most:
                    raise BeyondBoundsError(f"more than {most:,} {words}")

    def _slots(self, position: int, path: str) -> tuple[int, ...]:
        """Offsets of a table's fields from its start, 0 where a field is absent."""
        self._spend(4, path)
        vtable = position - self._scalar(position, "int32", path)
        self._check(vtable, 4, path, align=2)
        length, table_length = struct.unpack_from("<HH", self._data, vtable)
        if length < 4 or length % 2:
            raise FlatBufferError(f"{path}: {length} is not the length of a table's directory")
        self._check(vtable, length, path)
        self._check(position, table_length, path)
        slots = struct.unpack_from(f"<{(length - 4) // 2}H", self._data, vtable + 4)
        if any(slot >= table_length for slot in slots):
            raise FlatBufferError(f"{path}: a field lies outside its table")
        return slots

    def _value(self, position: int, field: Field, path: str) -> Any:
        if field.is_vector:
            return self._vector(self._target(position, path), field.element, path)
        if field.type == "table":
            self._target(position, path)
            return True
        if field.type == "string":
            return self._string(self._target(position, path), path)
        if field.type in schema.TABLES:
            return self._table(self._target(position, path), field.type, path)
        if field.type in _ENUM_NAMES:
            return self._name(self._scalar(position, "int8", path), field.type, path)
        return self._scalar(position, field.type, path)

    def _vector(self, position: int, element: str, path: str) -> Any:
        count = self._scalar(position, "uint32", path)
        start = position + 4
        if element in SCALARS:
            dtype = np.dtype(SCALARS[element])
            self._check(start, count * dtype.itemsize, path)
            self._spend(0 if element == "uint8" else count * dtype.itemsize, path)
            return np.frombuffer(self._data, dtype, count, start)
        self._check(start, count * 4, path)
        self._spend(4 * count, path)
        if element == "table":
            return [True] * count
        items = range(count)
        return [
            self._table(self._target(start + 4 * i, path), element, f"{path}[{i}]") for i in items
        ]

    def _string(self, position: int, path: str) -> str:
        length = self._scalar(position, "uint32", path)
        self._check(position + 4, length, path)
        self._spend(length, path)
        return self._data[position + 4 : position + 4 + length].decode("utf-8", "backslashreplace")

    def _union(self, position: int, offset: int, kind: int, path: str) -> tuple[str, Table] | None:
        if not kind or not offset:
            return None
        target = self._target(position, path)
        name = schema.OPTION_NAMES.get(kind)
        return (name, self._table(target, name, path)) if name else (f"options {kind}", {})

    def _name(self, number: int, kind: str, path: str) -> str:
        try:
            return _ENUM_NAMES[kind][number]
        except KeyError:
            raise FlatBufferError(f"{path}: there is no {kind} number {number}") from None

    def _target(self, position: int, path: str) -> int:
        target: int = position + self._scalar(position, "uint32", path)
        self._check(target, 4, path, align=4)
        return target

    def _scalar(self, position: int, kind: str, path: str) -> Any:
        layout = SCALARS[kind]
        self._check(position, struct.calcsize(layout), path)
        return struct.unpack_from(layout, self._data, position)[0]

    def _check(self, position: int, length: int, path: str, align: int = 1) -> None:
        if not 0 <= position <= position + length <= len(self._data):
            raise FlatBufferError(
                f"{path} would take bytes {position} to {position + length} of {len(self._data)}"
            )
        if position % align:
            raise FlatBufferError(f"{path}: offset {position} is not a multiple of {align}")

    def _spend(self, nbytes: int, path: str) -> None:
        self._budget -= nbytes
        if self._budget < 0:
            raise FlatBufferError(f"{path}: tables, texts or lists share their bytes without end")


def _absent(field: Field) -> Any:
    if not field.is_vector:
        return field.default
    if field.element in SCALARS:
        return np.zeros(0, np.dtype(SCALARS[field.element]))
    return []
