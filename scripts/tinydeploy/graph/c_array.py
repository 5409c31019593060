"""A model as C source, as Arduino sketches have it: `const unsigned char g_model[] = {0x1c, ..`."""

from __future__ import annotations

import re
from pathlib import Path

from tinydeploy import bounds
from tinydeploy.errors import ModelFileError
from tinydeploy.graph import schema

SUFFIXES = (".h", ".hh", ".hpp", ".c", ".cc", ".cpp", ".cxx", ".ino")

# None of them looks at a character again and again: a hostile file has 16 million.
_COMMENT = re.compile(r"//[^\n]*|/\*.*?(?:\*/|\Z)", re.DOTALL)
_ARRAY = re.compile(r"\b(\w+)\s*\[[^\[\]]*\][^=;{}\[]*=\s*\{([^{}]*)\}")
_DECLARED = re.compile(r"extern\b[^;]{0,200}?\b(\w{1,200})\s*\[[^\[\]]{0,200}\]\s*;")
_NUMBER = re.compile(r"(-?)(0[xX][0-9a-fA-F]{1,16}|\d{1,16})[uU]?(?!\w)")


def read(path: Path) -> tuple[bytes, str]:
    """The one .tflite among the arrays of a C file, and the array's name.

    Raises:
        ModelFileError: there is none, there are several, or it is shorter than the file says.
    """
    try:
        source = bounds.read(path, bounds.SOURCE_BYTES, ModelFileError)
        text = _COMMENT.sub(" ", source.decode("utf-8", errors="replace"))
    except OSError as error:
        raise ModelFileError(f"{path}: {error.strerror}", "check the file's permissions") from None
    arrays = {match[1]: _bytes(match[2]) for match in _ARRAY.finditer(text)}
    models = {name: data for name, data in arrays.items() if data[4:8] == schema.IDENTIFIER}
    if not models:
        raise _no_model(path, text)
    if len(models) > 1:
        raise ModelFileError(
            f"{path} has {len(models)} models: {', '.join(models)}",
            "put the array that is wanted into a file of its own",
        )
    ((name, data),) = models.items()
    _check_length(path, name, data, text)
    return data, name


def _bytes(body: str) -> bytes:
    """The numbers between the braces, b"" if they are not all bytes."""
    if _NUMBER.sub("", body).strip(" \t\r\n,"):
        return b""
    data = bytearray()
    for match in _NUMBER.finditer(body):
        value = _value(match[1], match[2])
        if not -128 <= value <= 255:
            return b""
        data.append(value & 0xFF)
    return bytes(data)


def _value(sign: str, digits: str) -> int:
    return int(sign + digits, 16 if digits[1:2] in ("x", "X") else 10)


def _check_length(path: Path, name: str, data: bytes, text: str) -> None:
    said = re.search(rf"\b{re.escape(name)}_(?:len|size)\s*=\s*(\d+)", text)
    if said and int(said[1]) > len(data):
        raise ModelFileError(
            f"{path}: {name} has {len(data):,} bytes, {said[0].split()[0]} says {int(said[1]):,}",
            "the file is cut short or a placeholder: get it again",
        )


def _no_model(path: Path, text: str) -> ModelFileError:
    declared = _DECLARED.search(text)
    if declared:
        return ModelFileError(
            f"{path} only declares {declared[1]}[]", "give the .cc or .cpp file that has its bytes"
        )
    return ModelFileError(
        f"{path} has no array of bytes that is a .tflite",
        'the bytes 4 to 7 of a model are "TFL3": 0x54, 0x46, 0x4c, 0x33',
    )
