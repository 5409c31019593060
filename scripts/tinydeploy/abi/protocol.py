"""The link protocol: every message between host and device, declared once; about slots of models,
`slot_protocol` has them.

A frame is `FrameHeader`, payload, CRC-32 (the zlib polynomial, little endian, over header and
payload), COBS-encoded (Cheshire and Baker, 1999) between two zero bytes. The CRC of every frame but
HELLO starts from `declared.ABI_HASH`, so that two sides built from different declarations never
accept each other's frames.

The host asks, the device answers with the request's type | REPLY and the same sequence number and
session. A request may be repeated: the device runs an INVOKE with the sequence number of the last
one only once and sends the kept answer again. Three events come unasked: FAULT, NAK and READY.
"""

from __future__ import annotations

from tinydeploy.abi import limits
from tinydeploy.abi.layout import Enum, Field, Struct

PROTOCOL_VERSION = 1
MAX_PAYLOAD_BYTES = 512  # both directions; two encoded frames are the link's share of the RAM
MIN_PAYLOAD_BYTES = 128  # holds the longest message of a fixed length
REPLY = 0x80  # or-ed into the type of an answer
ALL_OPS = 0xFFFF  # op_count of an INVOKE that runs the whole model
MAX_RANK = limits.RANK.most
MOST = limits.COUNT.most  # operators, or tensors of a kind
MOST_BYTES = (1 << 31) - 1  # of anything in the memory of a 32-bit device

Command = Enum(
    "Command",
    "Type of a frame.",
    {
        "HELLO": (0x01, "open a session: who are you, what do you run"),
        "STATUS": (0x02, "are you alive, what are you doing; answered during an inference too"),
        "MEMORY": (0x03, "arena, stack and RAM figures"),
        "TENSOR": (0x04, "shape, type and quantization of a tensor"),
        "LOAD_INPUT": (0x05, "write part of an input tensor"),
        "INVOKE": (0x06, "run the model, or a range of its operators"),
        "READ": (0x07, "read part of a tensor"),
        "PROFILE": (0x08, "cycles of each operator in the last INVOKE"),
        "DIAGNOSE": (0x09, "why the model was refused, in words"),
        "ECHO": (0x0A, "send the payload back"),
        "RESET": (0x0B, "restart the firmware, enter the bootloader or forget the model's state"),
        "OPERATORS": (0x10, "which operators the firmware carries"),
        "SLOT_INFO": (0x11, "what a model slot holds"),
        "SLOT_ERASE": (0x12, "erase a page of a slot"),
        "SLOT_WRITE": (0x13, "write part of a slot; what was written already may be written again"),
        "SLOT_VERIFY": (0x14, "check a slot, try its model on its vectors, go back to the old one"),
        "SLOT_ACTIVATE": (
            0x15,
            "run a slot's verified model, or the image's own, from now on",
        ),
        "SLOT_ROLLBACK": (0x16, "run what ran before, now and after every start"),
        "SLOT_PAGES": (0x17, "checksums of a slot's pages, to go on with a push cut short"),
        "FAULT": (0x40, "event: the CPU faulted; sent at once and in answer to every later frame"),
        "NAK": (0x41, "event: a frame was dropped, send it again"),
        "READY": (0x42, "event: the firmware has started"),
    },
)

Status = Enum(
    "Status",
    "Outcome of a request, in the header of the answer.",
    {
        "OK": (0, "done"),
        "UNKNOWN_COMMAND": (1, "the firmware does not know this command"),
        "BAD_LENGTH": (2, "the payload has the wrong length"),
        "BAD_INDEX": (3, "there is no tensor or operator of this index"),
        "OUT_OF_RANGE": (4, "offset and length lie outside the tensor"),
        "NO_MODEL": (5, "the model was refused at start-up"),
        "INVOKE_FAILED": (6, "an operator failed"),
        "UNSUPPORTED": (7, "this build cannot do that"),
        "BUSY": (8, "an inference is running"),
        "NO_SESSION": (9, "the frame belongs to no open session"),
        "NOT_AVAILABLE": (10, "the tensor's memory is not valid now"),
        "SLOT_IN_USE": (11, "the slot says which model runs and must not be written"),
        "SLOT_NOT_WHOLE": (12, "the slot holds no whole model: header, length, checksum or hash"),
        "MODEL_REFUSED": (13, "the runtime refused the model"),
        "SELF_TEST_FAILED": (14, "the model did not answer its self-test vectors as it should"),
        "NOT_VERIFIED": (15, "the slot was not verified since it was written"),
        "FLASH_FAILED": (16, "the flash did not take what was written"),
        "NOTHING_BEFORE": (17, "no model ran before this one"),
        "SLOT_FULL": (18, "the slot takes no further mark until it is erased"),
        "SLOT_NOT_AUTHENTIC": (19, "the slot's MAC is not by the push key of this firmware"),
    },
)

NakReason = Enum(
    "NakReason",
    "Why the device dropped a frame; travels in the status field of a NAK.",
    {
        "CRC": (1, "checksum does not match"),
        "LENGTH": (2, "too short, too long, or not of the stated length"),
        "COBS": (3, "not a COBS frame"),
        "OVERRUN": (4, "bytes came faster than they were taken"),
    },
)

Capability = Enum(
    "Capability",
    "Bits of `HelloReply.capabilities`.",
    {
        "PER_OP": (0x01, "runs ranges of operators and reads any tensor of the operator just run"),
        "PROFILE": (0x02, "counts cycles for each operator"),
        "CYCLES": (0x04, "cycles are CPU cycles, not nanoseconds"),
        "STACK": (0x08, "the stack is painted and its high-water mark is reported"),
        "HOT_SWAP": (0x10, "has model slots, and carries all operators"),
        "PUSH_KEY": (0x20, "its slots take only models with a MAC by the push key"),
    },
)

State = Enum(
    "State",
    "What the device is doing.",
    {
        "IDLE": (0, "waiting"),
        "INVOKING": (1, "running an inference"),
        "NO_MODEL": (2, "waiting without a usable model"),
        "FAULTED": (3, "stopped after a CPU fault"),
    },
)

TensorKind = Enum(
    "TensorKind",
    "How TENSOR and READ count tensors.",
    {
        "INPUT": (0, "the model's inputs"),
        "OUTPUT": (1, "the model's outputs"),
        "ANY": (2, "all tensors of the main subgraph, as the .tflite numbers them"),
    },
)

ResetKind = Enum(
    "ResetKind",
    "What a RESET does.",
    {
        "RESTART": (0, "restart the firmware"),
        "BOOTLOADER": (1, "enter the board's bootloader"),
        "STATE": (2, "forget what the model keeps from one inference to the next"),
    },
)

FrameHeader = Struct(
    "FrameHeader",
    "First bytes of each frame.",
    (
        Field("type", "u8", "Command, or-ed with kReply in an answer"),
        Field("status", "u8", "Status in an answer, NakReason in a NAK, 0 in a request"),
        Field("sequence", "u16", "chosen by the host, counts requests; 0 in events"),
        Field("session", "u16", "chosen by the host in HELLO, the same in all that follows"),
        Field("payload_bytes", "u16", "length of the payload"),
    ),
)

HelloRequest = Struct(
    "HelloRequest",
    "Opens a session.",
    (
        Field("abi_hash", "u32", "the host's kAbiHash"),
        Field("protocol_version", "u16", "the host's kProtocolVersion"),
        Field("reserved", "u16", "0"),
    ),
)

HelloReply = Struct(
    "HelloReply",
    "Who the device is and what it runs.",
    (
        Field("abi_hash", "u32", "the firmware's kAbiHash; if it differs the host must stop here"),
        Field("protocol_version", "u16", "the firmware's kProtocolVersion"),
        Field(
            "max_payload_bytes",
            "u16",
            "largest payload in either direction",
            least=MIN_PAYLOAD_BYTES,
            most=MAX_PAYLOAD_BYTES,
        ),
        Field("capabilities", "u32", "bits of Capability"),
        Field("cpu_hz", "u32", "core clock that the cycle counts refer to", least=1),
        Field("board", "char", "board id", 16),
        Field("engine", "char", "engine: interpreter, compiled or tflm", 16),
        Field("build_id", "u8", "first bytes of the SHA-256 of the build's inputs", 16),
        Field("model_hash", "u8", "SHA-256 of the .tflite", 32),
        Field("device_id", "u8", "unique id of the chip", 8),
        Field("model_bytes", "u32", "length of the .tflite", most=MOST_BYTES),
        Field("op_count", "u16", "operators of the main subgraph", most=MOST),
        Field("input_count", "u16", "inputs of the main subgraph", most=MOST),
        Field("output_count", "u16", "outputs of the main subgraph", most=MOST),
        Field("state", "u16", "State", most=State.most),
    ),
)

StatusReply = Struct(
    "StatusReply",
    "Signs of life and counters since start-up.",
    (
        Field("state", "u16", "State", most=State.most),
        Field("op_index", "u16", "operator running or about to run"),
        Field("invokes", "u32", "inferences completed"),
        Field("frames_ok", "u32", "frames accepted"),
        Field("frames_dropped", "u32", "frames dropped: checksum, length, encoding"),
        Field("overruns", "u32", "bytes lost by the UART or the receive ring"),
        Field("reset_reason", "u32", "the chip's reset status as read at start-up"),
    ),
)

MemoryReply = Struct(
    "MemoryReply",
    "RAM figures, bytes.",
    (
        Field("arena_bytes", "u32", "arena as linked", most=MOST_BYTES),
        Field("arena_used_bytes", "u32", "arena as used, or as needed if it was too small"),
        Field("arena_planned_bytes", "u32", "part of it for activations and scratch; 0 if unknown"),
        Field("stack_bytes", "u32", "stack as linked; 0 if unknown", most=MOST_BYTES),
        Field(
            "stack_used_bytes", "u32", "deepest use so far, by paint; 0 if unknown", most=MOST_BYTES
        ),
        Field(
            "static_bytes",
            "u32",
            ".data and .bss without arena and stack; 0 if unknown",
            most=MOST_BYTES,
        ),
    ),
)

TensorRequest = Struct(
    "TensorRequest",
    "Names a tensor.",
    (
        Field("kind", "u16", "TensorKind"),
        Field("index", "u16", "index within the kind"),
    ),
)

TensorReply = Struct(
    "TensorReply",
    "What the device thinks the tensor is.",
    (
        Field("type", "u8", "TfLiteType"),
        Field("rank", "u8", "number of dimensions used in dims", most=MAX_RANK),
        Field("tensor_index", "u16", "index in the main subgraph"),
        Field("bytes", "u32", "size of the data", most=limits.TENSOR_BYTES.most),
        Field("dims", "i32", "shape, padded with zeros", MAX_RANK, least=0),
        Field("scale", "f32", "per-tensor scale, 0 if not quantized"),
        Field("zero_point", "i32", "per-tensor zero point"),
        Field("address", "u32", "of the data, for a debugger; 0 if it has none of 32 bits"),
    ),
)

LoadRequest = Struct(
    "LoadRequest",
    "Followed by the bytes to write.",
    (
        Field("index", "u16", "input index"),
        Field("reserved", "u16", "0"),
        Field("offset", "u32", "first byte within the tensor"),
    ),
)

InvokeRequest = Struct(
    "InvokeRequest",
    "Which operators to run.",
    (
        Field("first_op", "u16", "first operator; 0 for the whole model"),
        Field("op_count", "u16", "how many, or kAllOps"),
    ),
)

InvokeReply = Struct(
    "InvokeReply",
    "What it cost.",
    (
        Field("cycles", "u32", "cycles of the run, without the link; wraps at 2^32"),
        Field("ops_run", "u16", "operators completed", most=MOST),
        Field("reserved", "u16", "0", most=0),
    ),
)

ReadRequest = Struct(
    "ReadRequest",
    "Which bytes of which tensor; the answer is the bytes alone.",
    (
        Field("kind", "u16", "TensorKind"),
        Field("index", "u16", "index within the kind"),
        Field("offset", "u32", "first byte"),
        Field("bytes", "u32", "how many, at most max_payload_bytes"),
    ),
)

ProfileRequest = Struct(
    "ProfileRequest",
    "The answer is u32 cycles for each operator from `first_op` on, as many as fit.",
    (
        Field("first_op", "u16", "first operator"),
        Field("op_count", "u16", "how many, at most max_payload_bytes / 4"),
    ),
)

DiagnoseReply = Struct(
    "DiagnoseReply",
    "Why AllocateTensors or Invoke failed.",
    (
        Field("op_index", "u16", "operator, or kAllOps when it is not about one"),
        Field("builtin_code", "u16", "BuiltinOperator of the operator"),
        Field("message", "char", "one line of text", 96),
    ),
)

ResetRequest = Struct(
    "ResetRequest",
    "What to reset.",
    (Field("kind", "u16", "ResetKind"), Field("reserved", "u16", "0")),
)

FaultReport = Struct(
    "FaultReport",
    "CPU state at a fault (Armv7-M Architecture Reference Manual, B1.5 and B3.2).",
    (
        Field("exception", "u32", "exception number: 3 hard, 4 memory, 5 bus, 6 usage"),
        Field("pc", "u32", "stacked program counter"),
        Field("lr", "u32", "stacked link register"),
        Field("xpsr", "u32", "stacked program status"),
        Field("r0", "u32", "stacked r0"),
        Field("r1", "u32", "stacked r1"),
        Field("r2", "u32", "stacked r2"),
        Field("r3", "u32", "stacked r3"),
        Field("r12", "u32", "stacked r12"),
        Field("sp", "u32", "stack pointer before the exception"),
        Field("cfsr", "u32", "configurable fault status"),
        Field("hfsr", "u32", "hard fault status"),
        Field("mmfar", "u32", "memory fault address"),
        Field("bfar", "u32", "bus fault address"),
        Field("op_index", "u32", "operator running, or kAllOps"),
    ),
)

ENUMS = (Command, Status, NakReason, Capability, State, TensorKind, ResetKind)
STRUCTS = (
    FrameHeader,
    HelloRequest,
    HelloReply,
    StatusReply,
    MemoryReply,
    TensorRequest,
    TensorReply,
    LoadRequest,
    InvokeRequest,
    InvokeReply,
    ReadRequest,
    ProfileRequest,
    DiagnoseReply,
    ResetRequest,
)
EVENTS = (FaultReport,)
CONSTANTS = (
    ("kProtocolVersion", PROTOCOL_VERSION, "raised when the meaning of a message changes"),
    ("kMaxPayloadBytes", MAX_PAYLOAD_BYTES, "largest payload in either direction"),
    ("kMinPayloadBytes", MIN_PAYLOAD_BYTES, "as the host demands it of max_payload_bytes"),
    ("kReply", REPLY, "or-ed into the type of an answer"),
    ("kAllOps", ALL_OPS, "op_count of an INVOKE that runs the whole model"),
    ("kMaxRank", MAX_RANK, "dimensions that a TensorReply can state"),
)
