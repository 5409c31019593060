"""What is written into a model slot: header, model, self-test vectors with TFLM's answers."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from tinydeploy.abi import protocol
from tinydeploy.judge import Judge
from tinydeploy.stages.vectors import Vectors

MODEL_ALIGNMENT_BYTES = 16
WORD_BYTES = 4


@dataclass(frozen=True)
class SlotImage:
    """Content of a slot: `header` at its start, `payload` from its second page on."""

    header: bytes
    payload: bytes
    model_hash: str
    vector_count: int

    def pages(self, page_bytes: int) -> int:
        """Pages to erase before it is written."""
        return 1 + -(-len(self.payload) // page_bytes)

    def parts(self, page_bytes: int, size: int) -> Iterator[tuple[int, bytes]]:
        """Offsets and bytes to write, the header last: it is what makes the rest mean something."""
        for start in range(0, len(self.payload), size):
            yield page_bytes + start, self.payload[start : start + size]
        yield 0, self.header


def make(tflite: bytes, vectors: Vectors) -> SlotImage:
    """Let the judge answer `vectors` and put all together.

    Raises:
        UnsupportedModelError: TFLM refuses the model.
    """
    judge = Judge(tflite)
    tests = [_vector(judge, vectors, index) for index in range(vectors.count)]
    payload = _padded(tflite, MODEL_ALIGNMENT_BYTES) + b"".join(tests)
    digest = hashlib.sha256(tflite)
    header = protocol.SlotHeader.pack(
        magic=protocol.SLOT_MAGIC,
        model_bytes=len(tflite),
        vector_count=len(tests),
        vector_bytes=len(tests[0]) if tests else 0,
        payload_crc=zlib.crc32(payload),
        model_hash=digest.digest(),
    )
    crc = zlib.crc32(header[:-WORD_BYTES])
    header = header[:-WORD_BYTES] + crc.to_bytes(WORD_BYTES, "little")
    return SlotImage(header, payload, digest.hexdigest(), len(tests))


def _vector(judge: Judge, vectors: Vectors, index: int) -> bytes:
    inputs = vectors.at(index)
    parts = [*inputs, *judge.run(inputs)]
    return _padded(b"".join(np.ascontiguousarray(part).tobytes() for part in parts), WORD_BYTES)


def _padded(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)
