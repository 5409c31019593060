"""Text that comes from outside, made text: names in a model, a recipe, a file system, a device.

Whatever is shown to a person or written into generated code goes through one of these first. None
of them lets a line end, a comment close, a terminal obey or a reader's eye be led astray.
"""

from __future__ import annotations

import re
import unicodedata

SHOWN_CHARACTERS = 200  # of a name; those of converters have some thousand
SHOWN_TEXT = 20_000
# Not control characters, and yet they change what is read: the order of what follows (bidirectional
# formatting), or nothing that is seen at all.
_INVISIBLE = ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp")


def shown(text: str, limit: int = SHOWN_CHARACTERS) -> str:
    """One line for people: what cannot be seen is spelt out, what is too long is cut.

    Names of the usual kind come back as they are. A `[` means itself: code that prints with
    rich's markup escapes it there, as templates do with HTML.
    """
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    return "".join(map(_visible, cut))


def shown_lines(text: str) -> str:
    """Text of several lines for people, such as what a tool said: as in `shown` but for its line
    ends, and cut only where it is very long.
    """
    cut = text if len(text) <= SHOWN_TEXT else text[: SHOWN_TEXT - 1] + "…"
    parts = re.split(r"(\r?\n)", cut)
    return "".join(
        part if number % 2 else "".join(map(_visible, part)) for number, part in enumerate(parts)
    )


def comment(text: str) -> str:
    """Part of a C++ `//` or `/* */` comment: ASCII, and nothing that ends or continues it."""
    plain = shown(text).encode("ascii", "backslashreplace").decode("ascii")
    return plain.replace("\\", "/").replace("??", "? ").replace("*/", "* ")


def c_string(text: str) -> str:
    """A C string literal; what is not printable ASCII as octal, so that no digit can follow."""
    escaped = "".join(
        f"\\{byte:03o}" if not 32 <= byte < 127 or byte in b'"\\?' else chr(byte)
        for byte in text.encode("utf-8", "surrogatepass")
    )
    return f'"{escaped}"'


def _visible(character: str) -> str:
    if character.isprintable() and unicodedata.category(character) not in _INVISIBLE:
        return character
    code = ord(character)
    return (
        f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}" if code < 1 << 16 else f"\\U{code:08x}"
    )


def safe_file_part(text: str) -> str:
    """Part of a file's name: letters, digits and `_`, at most 60 of them, never empty."""
    return re.sub(r"\W", "_", text, flags=re.ASCII)[-60:] or "_"
