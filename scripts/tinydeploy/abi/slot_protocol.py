"""The requests about model slots, and how a slot lies in flash: what `protocol` is for the rest."""

from __future__ import annotations

from tinydeploy.abi import protocol
from tinydeploy.abi.layout import Enum, Field, Struct

BUILT_IN = 0xFFFF  # slot of the model in the image itself
SLOT_MAGIC = 0x31534454  # "TDS1"
SLOT_MARKS_OFFSET = 256  # of the first mark in a slot
MOST_SLOTS = 8
MOST_PAGES = 1 << 16  # of a slot: a u16 counts them
PAGE_BYTES = (512, 1 << 17)  # smallest and largest; the smallest has header and marks

SlotState = Enum(
    "SlotState",
    "What a slot holds.",
    {
        "EMPTY": (0, "no whole model"),
        "WHOLE": (1, "a whole model that never ran"),
        "ACTIVE": (2, "a model that was activated"),
        "RETIRED": (3, "a model that was rolled back"),
        "PARTIAL": (4, "part of a model, whose header is there"),
    },
)

SlotRequest = Struct(
    "SlotRequest",
    "Names a slot.",
    (
        Field("slot", "u16", "index of the slot; SLOT_ACTIVATE also takes kBuiltIn"),
        Field("reserved", "u16", "0"),
    ),
)

SlotInfoReply = Struct(
    "SlotInfoReply",
    "A slot, and what is common to all.",
    (
        Field("slot_count", "u16", "number of slots", least=1, most=MOST_SLOTS),
        Field("running_slot", "u16", "whose model runs, kBuiltIn for the image's own"),
        Field("locked_slot", "u16", "that says what runs and must not be written, or kBuiltIn"),
        Field("state", "u16", "SlotState of this slot", most=SlotState.most),
        Field("newest_sequence", "u32", "of the newest mark of all slots, 0 if there is none"),
        Field("sequence", "u32", "of this slot's newest mark, 0 if there is none"),
        Field(
            "slot_bytes",
            "u32",
            "size of a slot; its first page has header and marks",
            least=2 * PAGE_BYTES[0],
            most=protocol.MOST_BYTES,
        ),
        Field(
            "page_bytes",
            "u32",
            "what one erase clears",
            least=PAGE_BYTES[0],
            most=PAGE_BYTES[1],
        ),
        Field(
            "model_bytes",
            "u32",
            "length of this slot's .tflite, 0 if there is none",
            most=protocol.MOST_BYTES,
        ),
        Field("vector_count", "u32", "this slot's self-test vectors"),
        Field("payload_crc", "u32", "CRC-32 of model and vectors, as the header states it"),
        Field("model_hash", "u8", "SHA-256 of this slot's .tflite", 32),
    ),
)

SlotEraseRequest = Struct(
    "SlotEraseRequest",
    "Which page.",
    (Field("slot", "u16", "index of the slot"), Field("page", "u16", "page within the slot")),
)

SlotPagesRequest = Struct(
    "SlotPagesRequest",
    "Which pages; the answer is the CRC-32 of each as the flash reads, a u32.",
    (
        Field("slot", "u16", "index of the slot"),
        Field("first_page", "u16", "page within the slot"),
        Field("page_count", "u16", "how many, at most max_payload_bytes / 4"),
        Field("reserved", "u16", "0"),
    ),
)

SlotWriteRequest = Struct(
    "SlotWriteRequest",
    "Followed by the bytes to write, whole words.",
    (
        Field("slot", "u16", "index of the slot"),
        Field("reserved", "u16", "0"),
        Field("offset", "u32", "first byte within the slot, a multiple of 4"),
    ),
)

SlotVerifyReply = Struct(
    "SlotVerifyReply",
    "How the trial went.",
    (
        Field(
            "outcome",
            "u16",
            "Status: OK, SLOT_NOT_WHOLE, SLOT_NOT_AUTHENTIC, MODEL_REFUSED or SELF_TEST_FAILED",
            most=protocol.Status.most,
        ),
        Field("op_index", "u16", "operator that refused, or kAllOps"),
        Field("vectors", "u32", "self-test vectors answered correctly"),
        Field("arena_used_bytes", "u32", "arena as used, or as needed if it was too small"),
        Field("message", "char", "why the runtime refused it, one line of text", 96),
    ),
)

SlotRollbackRequest = Struct(
    "SlotRollbackRequest",
    "What to undo; names it so that a repeated request does not undo the undoing.",
    (Field("newest_sequence", "u32", "as in SlotInfoReply"),),
)

SlotHeader = Struct(
    "SlotHeader",
    "First bytes of a slot; the payload starts with its second page.",
    (
        Field("magic", "u32", "kSlotMagic"),
        Field("model_bytes", "u32", "length of the .tflite, padded with zeros to 16 bytes"),
        Field("vector_count", "u32", "self-test vectors behind it"),
        Field("vector_bytes", "u32", "of each: all inputs, then all outputs, padded to 4 bytes"),
        Field("payload_crc", "u32", "CRC-32 of the payload: model and vectors"),
        Field("reserved", "u32", "0"),
        Field("model_hash", "u8", "SHA-256 of the .tflite", 32),
        Field("mac", "u8", "HMAC-SHA256 of what precedes it, by the push key; 0 without one", 32),
        Field("header_crc", "u32", "CRC-32 of what precedes it"),
    ),
)

SlotMark = Struct(
    "SlotMark",
    "What became of a slot's model; marks follow one another from kSlotMarksOffset on.",
    (
        Field("sequence", "u32", "counts marks over all slots: the highest one says what runs"),
        Field("state", "u32", "SlotState ACTIVE or RETIRED"),
        Field("crc", "u32", "CRC-32 of what precedes it"),
    ),
)

ENUMS = (SlotState,)
STRUCTS = (
    SlotRequest,
    SlotInfoReply,
    SlotEraseRequest,
    SlotPagesRequest,
    SlotWriteRequest,
    SlotVerifyReply,
    SlotRollbackRequest,
    SlotHeader,
    SlotMark,
)
CONSTANTS = (
    ("kBuiltIn", BUILT_IN, "slot of the model in the image itself"),
    ("kSlotMagic", SLOT_MAGIC, "first word of a slot that was written"),
    ("kSlotMarksOffset", SLOT_MARKS_OFFSET, "of the first mark in a slot"),
)
