"""Fixed-width, little-endian structs and enumerations, described as data.

A `Struct` packs and unpacks bytes in Python and prints itself as a C++ struct. There is no padding:
every field must lie at a multiple of its own size, which `Struct` checks when it is declared, so
that both languages agree without pragmas.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Mapping
from dataclasses import dataclass

from tinydeploy.foreign import shown

Number = int | float | bool
Value = int | float | bytes | str | tuple[int, ...]
Numbers = dict[str, int]  # of a struct without arrays, by field name

_SCALARS = {
    "i8": ("b", 1, "int8_t"),
    "u8": ("B", 1, "uint8_t"),
    "i16": ("h", 2, "int16_t"),
    "u16": ("H", 2, "uint16_t"),
    "i32": ("i", 4, "int32_t"),
    "u32": ("I", 4, "uint32_t"),
    "f32": ("f", 4, "float"),
    "u64": ("Q", 8, "uint64_t"),
    "char": ("s", 1, "char"),
}


class FieldRangeError(ValueError):
    """A number that the field of a struct does not hold; the message says which."""


@dataclass(frozen=True)
class Field:
    """One field: `kind` is a key of `_SCALARS`; `count` > 1 makes an array of it.

    Attributes:
        least, most: what a sound device states at least and at most; None: whatever the field
            holds. They are no part of the ABI hash: no side reads the other's bytes by them.
    """

    name: str
    kind: str
    doc: str
    count: int = 1
    least: int | None = None
    most: int | None = None

    @property
    def size(self) -> int:
        """Size in bytes."""
        return _SCALARS[self.kind][1] * self.count

    @property
    def alignment(self) -> int:
        """Alignment in bytes: the size of one element."""
        return _SCALARS[self.kind][1]

    @property
    def cpp_type(self) -> str:
        """Name of the element's type in C++."""
        return _SCALARS[self.kind][2]

    @property
    def format(self) -> str:
        """`struct` format without byte order. Byte arrays travel as one bytes object."""
        code = "s" if self.is_bytes else _SCALARS[self.kind][0]
        return f"{self.count}{code}" if self.count > 1 or self.is_bytes else code

    @property
    def range(self) -> tuple[int, int]:
        """Lowest and highest integer that it holds."""
        bits = 8 * self.alignment
        below = 1 << bits - 1 if self.kind[0] == "i" else 0
        return -below, (1 << bits) - 1 - below

    @property
    def bounds(self) -> tuple[int, int]:
        """Lowest and highest integer that it may have when it comes from outside."""
        low, high = self.range
        return low if self.least is None else self.least, high if self.most is None else self.most

    @property
    def is_bytes(self) -> bool:
        """Whether Python sees the field as bytes (or as str for `char`)."""
        return self.kind == "char" or (self.kind == "u8" and self.count > 1)


@dataclass(frozen=True)
class Struct:
    """A message or part of one, laid out without padding."""

    name: str
    doc: str
    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        for field, offset in zip(self.fields, self.offsets, strict=True):
            if offset % field.alignment:
                raise ValueError(f"{self.name}.{field.name} at {offset} is not aligned")
        largest = max(field.alignment for field in self.fields)
        if self.size % largest:
            raise ValueError(f"{self.name} is {self.size} bytes, not a multiple of {largest}")

    @property
    def offsets(self) -> tuple[int, ...]:
        """Byte offset of each field."""
        offsets, position = [], 0
        for field in self.fields:
            offsets.append(position)
            position += field.size
        return tuple(offsets)

    @property
    def size(self) -> int:
        """Size in bytes."""
        return sum(field.size for field in self.fields)

    @property
    def format(self) -> str:
        """`struct` format of the whole."""
        return "<" + "".join(field.format for field in self.fields)

    def pack(self, **values: Value) -> bytes:
        """Bytes of the struct; fields that are not named are zero. Text is cut to its field."""
        unknown = set(values) - {field.name for field in self.fields}
        if unknown:
            raise TypeError(f"{self.name} has no field {sorted(unknown)}")
        flat: list[int | float | bytes] = []
        for field in self.fields:
            flat.extend(_flatten(field, values.get(field.name)))
        return struct.pack(self.format, *flat)

    def unpack(self, data: bytes) -> Mapping[str, Value]:
        """Fields by name from the first `size` bytes; raises `struct.error` for fewer."""
        flat = list(struct.unpack_from(self.format, data))
        values: dict[str, Value] = {}
        for field in self.fields:
            values[field.name] = _take(field, flat)
        return values

    def received(self, data: bytes) -> Mapping[str, Value]:
        """Fields by name of what came from outside: just these bytes, each number in its bounds.

        Raises:
            FieldRangeError: fewer bytes or more, or a number that no sound device states.
        """
        if len(data) != self.size:
            raise FieldRangeError(f"a {self.name} of {len(data)} bytes where {self.size} are due")
        values = self.unpack(data)
        for field in self.fields:
            if not field.is_bytes:
                _require_sound(self.name, field, values[field.name])
        return values

    def of(self, *numbers: int) -> Numbers:
        """All numbers of a struct without arrays, in order, by field name.

        Raises:
            FieldRangeError: a number that its field does not hold.
        """
        names = (field.name for field in self.fields)
        values = dict(zip(names, numbers, strict=True))
        self.require(values)
        return values

    def require(self, values: Mapping[str, Number | tuple[int, ...]]) -> None:
        """Check that each integer field holds the number meant for it.

        Raises:
            FieldRangeError: it does not.
            TypeError: other fields than those of the struct.
        """
        if list(values) != [field.name for field in self.fields]:
            raise TypeError(f"{self.name} has other fields than {', '.join(values)}")
        for field in self.fields:
            given = values[field.name]
            numbers = given if isinstance(given, tuple) else (given,)
            low, high = field.range
            if field.kind != "f32" and not low <= min(numbers) <= max(numbers) <= high:
                raise FieldRangeError(
                    f"{field.name} of {max(numbers, key=abs):,} is not in [{low:,}, {high:,}]"
                )

    def describe(self) -> str:
        """Canonical text for the ABI hash: names, kinds, counts, in order."""
        fields = ",".join(f"{field.name}:{field.kind}*{field.count}" for field in self.fields)
        return f"struct {self.name}{{{fields}}}"


@dataclass(frozen=True)
class Enum:
    """Named numbers of one meaning; `members` maps a name to (value, doc)."""

    name: str
    doc: str
    members: Mapping[str, tuple[int, str]]

    def __getattr__(self, member: str) -> int:
        try:
            return self.members[member][0]
        except KeyError:
            raise AttributeError(f"{self.name} has no {member}") from None

    @property
    def most(self) -> int:
        """The highest value."""
        return max(number for number, _ in self.members.values())

    def text(self, value: int) -> str:
        """The doc of a value, for messages to people."""
        for number, doc in self.members.values():
            if number == value:
                return doc
        return f"unknown {self.name} {value}"

    def describe(self) -> str:
        """Canonical text for the ABI hash."""
        members = ",".join(f"{name}={value}" for name, (value, _) in self.members.items())
        return f"enum {self.name}{{{members}}}"


def abi_hash(version: int, parts: tuple[Struct | Enum, ...]) -> int:
    """CRC-32 over the canonical text: changes whenever the two sides could misread each other."""
    text = f"version {version}\n" + "\n".join(part.describe() for part in parts)
    return zlib.crc32(text.encode())


def _require_sound(owner: str, field: Field, value: Value) -> None:
    numbers = value if isinstance(value, tuple) else (value,)
    low, high = field.bounds if field.kind != "f32" else (0, 0)
    for number in numbers:
        assert isinstance(number, int | float)
        if field.kind == "f32" and not math.isfinite(number):
            raise FieldRangeError(f"{field.name} of a {owner} is no number")
        if field.kind != "f32" and not low <= number <= high:
            raise FieldRangeError(
                f"{field.name} of a {owner} is {number:,}, not in [{low:,}, {high:,}]"
            )


def _flatten(field: Field, value: Value | None) -> list[int | float | bytes]:
    if field.is_bytes:
        raw = value.encode() if isinstance(value, str) else value or b""
        if not isinstance(raw, bytes):
            raise TypeError(f"{field.name} takes bytes")
        return [raw]
    if isinstance(value, (bytes, str)):
        raise TypeError(f"{field.name} takes a number")
    numbers = value if isinstance(value, tuple) else (value or 0,)
    return [*numbers, *[0] * (field.count - len(numbers))]


def _take(field: Field, flat: list[int | float | bytes]) -> Value:
    if field.is_bytes:
        raw = flat.pop(0)
        assert isinstance(raw, bytes)
        if field.kind != "char":
            return raw
        return shown(raw.split(b"\0")[0].decode("utf-8", "replace"))
    taken = [flat.pop(0) for _ in range(field.count)]
    if field.count == 1:
        return taken[0]
    return tuple(number for number in taken if isinstance(number, int))
