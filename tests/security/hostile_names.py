"""Texts that somebody would put where a name belongs, and what C++ makes of generated code."""

from __future__ import annotations

import re

# Harmless if it works: what is injected is an #error.
HOSTILE = {
    "newline": "x\n#error INJECTED\n//",
    "carriage return": "x\r#error INJECTED\r//",
    "backslash": "evil \\",
    "comment": "*/ int injected; /* // \\",
    "trigraph": "x ??/",
    "quotes": '"; int injected; //\\"',
    "format": "%s %n {0} ${x} $(touch /tmp/x) `touch /tmp/x`; rm -rf x && x",
    "html": '<script>alert(1)</script>"><img src=x onerror=alert(1)>{{7*7}}{% if %}',
    "markdown": "| x | [y](javascript:1) ![z](file:///x) `",
    "ansi": "\x1b[31mRED\x1b]0;title\x07\x1b[2J\x9b1m",
    "markup": "[red]x[/blue] [/nope] [link=file:x] \\[",
    "path": "../../../x\0y",
    "option": "--out=/tmp/x -rf",
    "long": "A" * 100_000,
    "bidirectional": "\u202ereversed\u2028line\u2066",
    "unpaired": "\udcff\ud800",
    "empty": "",
}

_TRIGRAPHS = dict(zip("=/'()!<>-", "#\\^[]|{}~", strict=True))
_TOKEN = re.compile(
    r"""(?P<comment>//[^\n]*|/\*.*?\*/)
      |(?P<text>"(?:\\.|[^"\\\n])*"|'(?:\\.|[^'\\\n])*')
      |(?P<word>\w+)|(?P<space>\s+)|(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


def tokens(source: str) -> list[str]:
    """What a C++ compiler reads of `source`, in the phases of the standard: trigraphs, lines joined
    by a backslash, comments gone. The contents of strings are left out: those may differ.
    """
    source = re.sub(r"\?\?([=/'()!<>-])", lambda found: _TRIGRAPHS[found.group(1)], source)
    source = re.sub(r"\\[ \t]*(\r\n|\n|\r)", "", source).replace("\r", "\n")
    found = []
    for match in _TOKEN.finditer(source):
        if match.lastgroup == "text":
            found.append('"..."')
        elif match.lastgroup in ("word", "other"):
            found.append(match.group())
    return found
