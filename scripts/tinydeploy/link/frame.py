"""Frames on the wire: header, payload and CRC-32, COBS-encoded between two zero bytes."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

from cobs import cobs

from tinydeploy.abi import declared, protocol

DELIMITER = b"\0"
CRC_BYTES = 4
LARGEST_CHUNK_BYTES = 64 << 10  # beyond this without a delimiter it is no frame of ours


@dataclass(frozen=True)
class Frame:
    """One decoded frame; `payload` is what its type says."""

    type: int
    sequence: int
    session: int
    payload: bytes = b""
    status: int = 0


@dataclass(frozen=True)
class Noise:
    """Bytes between two delimiters that are no valid frame: text log lines, or garbage."""

    data: bytes
    reason: str

    @property
    def text(self) -> str | None:
        """The bytes as log text, or None when they are not printable."""
        try:
            text = self.data.decode("utf-8")
        except UnicodeDecodeError:
            return None
        printable = all(char.isprintable() or char in "\r\n\t" for char in text)
        return text if printable else None


def encode(frame: Frame) -> bytes:
    """The bytes that carry `frame`, both delimiters included."""
    body = (
        protocol.FrameHeader.pack(
            type=frame.type,
            status=frame.status,
            sequence=frame.sequence,
            session=frame.session,
            payload_bytes=len(frame.payload),
        )
        + frame.payload
    )
    crc = zlib.crc32(body, _crc_seed(frame.type))
    encoded: bytes = cobs.encode(body + struct.pack("<I", crc))
    return DELIMITER + encoded + DELIMITER


class Decoder:
    """Cuts a byte stream into frames and noise."""

    def __init__(self) -> None:
        self._pending = bytearray()

    def feed(self, data: bytes) -> Iterator[Frame | Noise]:
        """Take the next bytes of the stream; yields what they complete."""
        self._pending += data
        *chunks, rest = bytes(self._pending).split(DELIMITER)
        if len(rest) > LARGEST_CHUNK_BYTES:
            chunks, rest = [*chunks, rest], b""
        self._pending = bytearray(rest)
        for chunk in chunks:
            if chunk:
                yield _decode(chunk)


def _decode(chunk: bytes) -> Frame | Noise:
    try:
        raw = cobs.decode(chunk)
    except cobs.DecodeError:
        return Noise(chunk, "not COBS")
    header_bytes = protocol.FrameHeader.size
    if len(raw) < header_bytes + CRC_BYTES:
        return Noise(chunk, "too short")
    body, crc = raw[:-CRC_BYTES], struct.unpack("<I", raw[-CRC_BYTES:])[0]
    kind, status, sequence, session, payload_bytes = struct.unpack_from("<BBHHH", body)
    if payload_bytes != len(body) - header_bytes:
        return Noise(chunk, "wrong length")
    if zlib.crc32(body, _crc_seed(kind)) != crc:
        return Noise(chunk, "wrong checksum")
    return Frame(kind, sequence, session, body[header_bytes:], status)


def _crc_seed(frame_type: int) -> int:
    hello = (frame_type & ~protocol.REPLY) == protocol.Command.HELLO
    return 0 if hello else declared.ABI_HASH
