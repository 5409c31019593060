"""Model slots in flash: as swaps leave them, and as power cuts, age and strangers do.

What must run then is computed here from docs/hot_swap.md, apart from the firmware.
"""

from __future__ import annotations

import hashlib
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinydeploy.abi import slot_protocol
from tinydeploy.fuzz import hostile
from tinydeploy.fuzz.device import FLASH_BYTES, PAGE_BYTES, SLOT_BYTES, SLOT_PAGES, SLOTS
from tinydeploy.stages.slot_image import MODEL_ALIGNMENT_BYTES, SlotImage

Random = np.random.Generator
ACTIVE, RETIRED = slot_protocol.SlotState.ACTIVE, slot_protocol.SlotState.RETIRED
MARKS_AT = slot_protocol.SLOT_MARKS_OFFSET
MARK_BYTES = slot_protocol.SlotMark.size
MARKS = (PAGE_BYTES - MARKS_AT) // MARK_BYTES
ROOM_BYTES = SLOT_BYTES - PAGE_BYTES
FIRST_NUMBERS = (1, 2, 1000, 0x7FFFFFFD, 0xFFFFFFFC)  # of marks: they wrap
MOST_MARKS, MOST_CHANGES, MOST_BITS = 3, 3, 12
ERASED = 0xFF


def generator(seed: int, number: int) -> Random:
    """Of one case."""
    return np.random.default_rng([seed, number])


def sound(rng: Random, images: Sequence[SlotImage]) -> bytearray:
    """Flash as pushes and rollbacks leave it."""
    flash = bytearray([ERASED]) * FLASH_BYTES
    sequence = int(rng.choice(FIRST_NUMBERS))
    fill = [rng.random() < 0.85 for _ in range(SLOTS)]
    for slot in range(SLOTS):
        if fill[slot]:
            image, start = images[int(rng.integers(len(images)))], slot * SLOT_BYTES
            flash[start : start + len(image.header)] = image.header
            at = start + PAGE_BYTES
            flash[at : at + len(image.payload)] = image.payload
    for place in range(int(rng.integers(MOST_MARKS + 1))):
        slot = int(rng.integers(SLOTS))
        if fill[slot]:
            put_mark(flash, slot, place, sequence, int(rng.choice((ACTIVE, ACTIVE, RETIRED))))
            sequence = (sequence + 1) % (1 << 32) or 1
    return flash


def put_mark(flash: bytearray, slot: int, place: int, sequence: int, state: int) -> None:
    """A whole mark at `place` of a slot."""
    mark = struct.pack("<II", sequence, state)
    at = slot * SLOT_BYTES + MARKS_AT + place * MARK_BYTES
    flash[at : at + MARK_BYTES] = mark + struct.pack("<I", zlib.crc32(mark))


# ---- What goes wrong ----


def _place(rng: Random) -> int:
    """Mostly where there is something: header, marks, the front of the payload."""
    start = int(rng.integers(SLOTS)) * SLOT_BYTES
    reach = (slot_protocol.SlotHeader.size, MARKS_AT + MOST_MARKS * MARK_BYTES, 2 * PAGE_BYTES)
    return start + int(rng.integers(int(rng.choice((*reach, SLOT_BYTES)))))


def _bits(rng: Random, flash: bytearray) -> None:
    """Turned over, or all to one side, as flash ages."""
    side = int(rng.integers(3))
    for _ in range(int(rng.integers(1, MOST_BITS + 1))):
        at, bit = _place(rng), 1 << int(rng.integers(8))
        flash[at] = (flash[at] ^ bit, flash[at] | bit, flash[at] & ~bit)[side]


def _page(rng: Random, flash: bytearray) -> None:
    """Erased, garbage, or from somewhere on; as power leaves one."""
    start = int(rng.integers(SLOTS * SLOT_PAGES)) * PAGE_BYTES
    begin = start + int(rng.choice((0, 0, int(rng.integers(PAGE_BYTES)) & ~3)))
    end, kind = start + PAGE_BYTES, int(rng.integers(3))
    if kind == 0:
        flash[begin:end] = bytes([ERASED]) * (end - begin)
    elif kind == 1:
        flash[begin:end] = rng.bytes(end - begin)
    else:
        other = int(rng.integers(SLOTS * SLOT_PAGES)) * PAGE_BYTES + begin - start
        flash[begin:end] = flash[other : other + end - begin]


def _words(rng: Random, flash: bytearray) -> None:
    for _ in range(int(rng.integers(1, 4))):
        at = _place(rng) & ~3
        flash[at : at + 4] = struct.pack("<I", int(rng.choice(hostile.WORDS)))


def _mark(rng: Random, flash: bytearray) -> None:
    """One that is whole, with any number and state."""
    sequence = int(rng.choice((*hostile.WORDS, *FIRST_NUMBERS, int(rng.integers(1 << 32)))))
    slot, place = int(rng.integers(SLOTS)), int(rng.choice((0, 1, 2, MARKS - 1)))
    put_mark(flash, slot, place, sequence, int(rng.choice((ACTIVE, ACTIVE, RETIRED, 0, 1, 77))))


def _header(rng: Random, flash: bytearray) -> None:
    """Lengths and counts that lie, with a checksum that is right."""
    start = int(rng.integers(SLOTS)) * SLOT_BYTES
    for _ in range(int(rng.integers(1, 3))):
        at = start + 4 * int(rng.integers(1, 5))
        near = struct.unpack_from("<I", flash, at)[0] + int(rng.integers(-20, 21))
        word = int(rng.choice((*hostile.WORDS, near % (1 << 32), ROOM_BYTES, ROOM_BYTES - 1)))
        flash[at : at + 4] = struct.pack("<I", word)
    _sign_header(flash, start)


def _payload(rng: Random, flash: bytearray) -> None:
    """Other bytes with the same hash in the header; both checksums are right."""
    start = int(rng.integers(SLOTS)) * SLOT_BYTES
    at = start + PAGE_BYTES + int(rng.integers(2 * PAGE_BYTES))
    flash[at] ^= int(rng.integers(1, 256))
    _sign_payload(flash, start)
    _sign_header(flash, start)


CHANGES: tuple[Callable[[Random, bytearray], None], ...] = (
    *(_bits, _page, _words, _mark, _header, _payload),
)


def rotten(rng: Random, flash: bytearray) -> None:
    """Some things go wrong."""
    for _ in range(int(rng.integers(1, MOST_CHANGES + 1))):
        CHANGES[int(rng.integers(len(CHANGES)))](rng, flash)


def forge(rng: Random, flash: bytearray) -> bool:
    """A damaged model with all its checksums and hashes, marked active; False: there is none."""
    start = int(rng.integers(SLOTS)) * SLOT_BYTES
    stated = header(bytes(flash[start : start + SLOT_BYTES]))
    if stated is None:
        return False
    model_bytes, at = int(stated["model_bytes"]), start + PAGE_BYTES
    damaged = hostile.mutate(rng, bytes(flash[at : at + model_bytes]))
    damaged = damaged.ljust(model_bytes, b"\0")[:model_bytes]
    flash[at : at + model_bytes] = damaged
    hash_at = start + HASH_AT
    flash[hash_at : hash_at + 32] = hashlib.sha256(damaged).digest()
    _sign_payload(flash, start)
    _sign_header(flash, start)
    put_mark(flash, start // SLOT_BYTES, MOST_MARKS, int(rng.integers(1, 1 << 31)), ACTIVE)
    return True


CRC_AT, HASH_AT = 16, 24  # in a header
_COVERED = slot_protocol.SlotHeader.size - 4


def _sign_header(flash: bytearray, start: int) -> None:
    crc = zlib.crc32(flash[start : start + _COVERED])
    flash[start + _COVERED : start + _COVERED + 4] = struct.pack("<I", crc)


def _sign_payload(flash: bytearray, start: int) -> None:
    slot = bytes(flash[start : start + SLOT_BYTES])
    stated = header(slot)
    if stated is not None:
        crc = zlib.crc32(_stated_payload(slot, stated))
        flash[start + CRC_AT : start + CRC_AT + 4] = struct.pack("<I", crc)


# ---- What must run ----


def runs(flash: bytes) -> bytes | None:
    """SHA-256 of the model of a slot that must run; None: the image's own."""
    slots = [flash[at : at + SLOT_BYTES] for at in range(0, FLASH_BYTES, SLOT_BYTES)]
    marks = [_newest_mark(slot) for slot in slots]
    newest, sequence = -1, 0
    for slot, mark in enumerate(marks):
        if _is_newer(mark[0], sequence):
            newest, sequence = slot, mark[0]
    if newest < 0 or marks[newest][1] != ACTIVE:
        return None
    for slot in (newest, SLOTS - 1 - newest):
        if marks[slot][1] == ACTIVE and (digest := _genuine(slots[slot])):
            return digest
    return None


def header(slot: bytes) -> Mapping[str, Any] | None:
    """The header of a slot that is whole and describes something that fits."""
    stated: Mapping[str, Any] = slot_protocol.SlotHeader.unpack(slot)
    whole = zlib.crc32(slot[:_COVERED]) == stated["header_crc"]
    if not whole or stated["magic"] != slot_protocol.SLOT_MAGIC:
        return None
    room = ROOM_BYTES - _padded(stated["model_bytes"])
    if stated["model_bytes"] == 0 or room < 0:
        return None
    count, size = stated["vector_count"], stated["vector_bytes"]
    return stated if count == 0 or (size % 4 == 0 and count * size <= room) else None


def _padded(size: int) -> int:
    return -(-size // MODEL_ALIGNMENT_BYTES) * MODEL_ALIGNMENT_BYTES


def _stated_payload(slot: bytes, stated: Mapping[str, Any]) -> bytes:
    vectors = stated["vector_count"] * stated["vector_bytes"]
    return slot[PAGE_BYTES : PAGE_BYTES + _padded(stated["model_bytes"]) + vectors]


def _genuine(slot: bytes) -> bytes:
    """SHA-256 of its model if all that the header says of it is true."""
    stated = header(slot)
    if stated is None or zlib.crc32(_stated_payload(slot, stated)) != stated["payload_crc"]:
        return b""
    digest = hashlib.sha256(slot[PAGE_BYTES : PAGE_BYTES + stated["model_bytes"]]).digest()
    return digest if digest == bytes(slot[HASH_AT : HASH_AT + 32]) else b""


def _newest_mark(slot: bytes) -> tuple[int, int]:
    """Number and state, (0, 0) if there is none."""
    newest = (0, 0)
    if header(slot) is None:
        return newest
    for place in range(MARKS):
        at = MARKS_AT + place * MARK_BYTES
        sequence, state, crc = struct.unpack_from("<3I", slot, at)
        known = state in (ACTIVE, RETIRED) and crc == zlib.crc32(slot[at : at + 8])
        if known and _is_newer(sequence, newest[0]):
            newest = (sequence, state)
    return newest


def _is_newer(sequence: int, than: int) -> bool:
    return sequence != 0 and (than == 0 or 0 < (sequence - than) % (1 << 32) < 1 << 31)
