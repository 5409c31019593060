"""What is written into a model slot: header, model, self-test vectors with TFLM's answers."""

from __future__ import annotations

import hashlib
import zlib
from dataclasses import dataclass

import numpy as np

from tinydeploy.abi import slot_protocol
from tinydeploy.guarded import GuardedJudge
from tinydeploy.link.slots import SlotInfo
from tinydeploy.stages import push_key
from tinydeploy.stages.vectors import Vectors

MODEL_ALIGNMENT_BYTES = 16
WORD_BYTES = 4
ERASED = b"\xff"
TAIL_BYTES = push_key.MAC_BYTES + WORD_BYTES  # of the header: the MAC, then its own checksum


@dataclass(frozen=True)
class SlotImage:
    """Content of a slot: `header` at its start, `payload` from its second page on."""

    header: bytes
    payload: bytes
    model_hash: str
    vector_count: int

    def pages(self, page_bytes: int) -> int:
        """Pages that it takes, the header's included."""
        return 1 + -(-len(self.payload) // page_bytes)

    def page(self, number: int, page_bytes: int) -> bytes:
        """What is written to a page: the header, or a part of the payload."""
        end = number * page_bytes
        return self.payload[end - page_bytes : end] if number else self.header

    def page_crc(self, number: int, page_bytes: int) -> int:
        """CRC-32 of the page as the flash must read."""
        return zlib.crc32(self.page(number, page_bytes).ljust(page_bytes, ERASED))

    def is_stated_by(self, slot: SlotInfo) -> bool:
        """Whether the header in the slot is this image's: model, self-test and checksum."""
        stated = (slot.model_hash, slot.vector_count, slot.payload_crc)
        return stated == (self.model_hash, self.vector_count, zlib.crc32(self.payload))


def make(tflite: bytes, vectors: Vectors, key: bytes | None = None) -> SlotImage:
    """Let the judge answer `vectors` and put all together.

    Args:
        key: the push key of the device, if it has one.

    Raises:
        UnsupportedModelError: TFLM refuses the model.
    """
    with GuardedJudge(tflite) as judge:
        tests = [_vector(judge, vectors, index) for index in range(vectors.count)]
    payload = _padded(tflite, MODEL_ALIGNMENT_BYTES) + b"".join(tests)
    digest = hashlib.sha256(tflite)
    header = slot_protocol.SlotHeader.pack(
        magic=slot_protocol.SLOT_MAGIC,
        model_bytes=len(tflite),
        vector_count=len(tests),
        vector_bytes=len(tests[0]) if tests else 0,
        payload_crc=zlib.crc32(payload),
        model_hash=digest.digest(),
    )[:-TAIL_BYTES]
    header += push_key.mac(key, header) if key else bytes(push_key.MAC_BYTES)
    header += zlib.crc32(header).to_bytes(WORD_BYTES, "little")
    return SlotImage(header, payload, digest.hexdigest(), len(tests))


def _vector(judge: GuardedJudge, vectors: Vectors, index: int) -> bytes:
    inputs = vectors.at(index)
    parts = [*inputs, *judge.run(inputs)]
    return _padded(b"".join(np.ascontiguousarray(part).tobytes() for part in parts), WORD_BYTES)


def _padded(data: bytes, alignment: int) -> bytes:
    return data + bytes(-len(data) % alignment)
