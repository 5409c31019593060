"""The push key: 32 bytes that a firmware and those who may push to it share.

HMAC and not a signature: the device has SHA-256 for other reasons, so it costs little, and there is
no second party who should verify without being able to make. Whoever can read the flash (a debug
probe on an open chip) has the key; docs/hot_swap.md says what follows.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from pathlib import Path

from tinydeploy.errors import UsageError

MAC_BYTES = 32
MAKE = "`openssl rand -hex 32 > FILE` makes one; keep it to yourself"
_HEX = re.compile(rb"\s*([0-9a-fA-F]{64})\s*")


def read(path: Path) -> bytes:
    """The key in a file of 64 hexadecimal digits.

    Raises:
        UsageError: there is no such file, or no key in it.
    """
    try:
        with path.open("rb") as file:
            found = _HEX.fullmatch(file.read(256))
    except OSError as error:
        reason = error.strerror or error
        raise UsageError(f"cannot read the push key {path}: {reason}", MAKE) from error
    if found is None:
        raise UsageError(f"{path} has no push key: it takes 64 hexadecimal digits", MAKE)
    return bytes.fromhex(found[1].decode())


def mac(key: bytes, header: bytes) -> bytes:
    """HMAC-SHA256 of what precedes the MAC in a slot's header."""
    return hmac.new(key, header, hashlib.sha256).digest()
