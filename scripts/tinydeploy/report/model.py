"""What a report says: plain data, filled in by the pipeline, rendered by the modules beside it.

The field names are the keys of `report.json`. These stay, whatever else changes: `model.name`,
`board`, `engine`, `target`, `parity.vectors`, `parity.mismatching_bytes`, `accuracy.device`,
`accuracy.host`, `cycles.mean`, `cycles.per_op`, `size.flash_bytes`, `size.model_bytes`,
`size.ram_bytes`, `size.arena_bytes`, `size.stack_bytes`, `versions`, `hashes`.

None stands for "not measured" or "does not apply"; renderers leave such things out.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class TensorInfo:
    """An input or output of the model."""

    name: str
    shape: tuple[int, ...]
    dtype: str  # "int8", "float32", ...
    scale: float | None = None
    zero_point: int | None = None


@dataclass(frozen=True)
class ModelInfo:
    """The model: what it is, and how large in each of its forms."""

    name: str
    folder: str = ""  # under build/, where this report lies; as `name` for models of ours
    title: str = ""  # one line for people, "Keyword spotting: yes, no"
    source: str = ""  # file it was made from, relative to the checkout where possible
    inputs: tuple[TensorInfo, ...] = ()
    outputs: tuple[TensorInfo, ...] = ()
    macs: int | None = None  # multiply-accumulates of one inference
    parameters: int | None = None  # weights and biases
    quantized_with: str = ""  # data by which it was quantized, where that is known
    trained_on: str = ""  # of a model of ours: the data of its training
    keras_bytes: int | None = None  # sizes of the files
    float_bytes: int | None = None
    int8_bytes: int | None = None


@dataclass(frozen=True)
class BoardInfo:
    """The board's limits, to set sizes and times against."""

    name: str
    chip: str
    cpu_hz: int
    flash_bytes: int  # that an image may take
    ram_bytes: int


@dataclass(frozen=True)
class Parity:
    """The receipt: outputs of the device against those of the judge, byte for byte."""

    vectors: int
    mismatching_bytes: int
    bytes_compared: int = 0
    judge: str = "tflite-micro"
    judge_version: str = ""
    references: tuple[str, ...] = ()  # operators that TFLM does not have, judged in NumPy
    build_id: str = ""  # of the image that ran, as HELLO told
    model_sha256: str = ""  # of the .tflite, as HELLO told
    firmware_sha256: str = ""  # of the .bin
    vectors_sha256: str = ""  # of all input bytes in order
    outputs_sha256: str = ""  # of all output bytes in order
    first_mismatch: str = ""  # "vector 12, output 0, byte 3: op 4 CONV_2D differs first"
    distinct_outputs: int | None = None  # how many different answers the vectors gave
    link_vectors: int | None = None  # over the link; the others through the simulator's memory
    commonest_output: int | None = None  # how many vectors gave the answer that most gave
    steady_outputs: bool = False  # whether no output moved by more than its rounding


@dataclass(frozen=True)
class Curve:
    """A regressor's test set, for models with one input and one output; x ascending."""

    x: tuple[float, ...]
    expected: tuple[float, ...]
    device: tuple[float, ...]


@dataclass(frozen=True)
class Accuracy:
    """How well the model does its job on the labelled test set.

    Attributes:
        metric: "accuracy" (a fraction, 0 to 1, more is better) or the name of an error, such as
            "mean absolute error" (in units of the output, less is better).
        device: measured on the device; None without labels.
        host: the same vectors on the host's TFLM.
        float_model: the float model before quantization.
        confusion: rows are true labels, columns what the device said; counts.
    """

    metric: str = "accuracy"
    device: float | None = None
    host: float | None = None
    float_model: float | None = None
    samples: int = 0
    labels: tuple[str, ...] = ()
    confusion: tuple[tuple[int, ...], ...] = ()
    curve: Curve | None = None
    data: str = ""  # where the test set comes from


@dataclass(frozen=True)
class OpProfile:
    """One operator of the graph, in the order of execution."""

    index: int
    op: str  # "CONV_2D"
    output_shape: tuple[int, ...]
    cycles: float  # mean over the vectors
    macs: int | None = None
    name: str = ""  # of the output tensor
    fallback: str = ""  # why no faster kernel computes it


INSTRUCTIONS = "instructions"


@dataclass(frozen=True)
class Cycles:
    """CPU cycles of one inference.

    Attributes:
        overhead: of `mean`, what is not in any op (executor and profiler).
        source: how they were counted: "DWT cycle counter", "modelled Cortex-M4, zero wait states".
        unit: what was counted: "cycles", or "nanoseconds" on the PC, or "instructions" in Renode,
            from which neither time nor energy follows.
    """

    mean: float
    minimum: float | None = None
    maximum: float | None = None
    per_op: tuple[OpProfile, ...] = ()
    overhead: float | None = None
    source: str = ""
    unit: str = "cycles"


@dataclass(frozen=True)
class Section:
    """A part of the image, for the breakdown of the flash."""

    name: str  # "kernels", "runtime", "model", "startup", ...
    size_bytes: int


@dataclass(frozen=True)
class Size:
    """Bytes on the board."""

    flash_bytes: int  # everything loaded into flash, the model included
    model_bytes: int  # the .tflite in it
    ram_bytes: int  # .data + .bss without arena and stack
    arena_bytes: int  # used by this model, as the device tells
    stack_bytes: int  # high-water mark, as the device tells
    arena_reserved_bytes: int | None = None
    stack_reserved_bytes: int | None = None
    flash_sections: tuple[Section, ...] = ()


@dataclass(frozen=True)
class Buffer:
    """A tensor or scratch buffer in the arena, alive from `first_op` to `last_op` inclusive."""

    tensor: str
    offset: int
    size_bytes: int
    first_op: int
    last_op: int
    kind: str = "activation"  # "input", "activation", "output" or "scratch"


@dataclass(frozen=True)
class MemoryMap:
    """The arena over op time.

    Attributes:
        planned_bytes: end of the highest buffer.
        persistent_bytes: what the runtime keeps besides, after the buffers.
        op_names: one per op, for the axis.
    """

    buffers: tuple[Buffer, ...]
    planned_bytes: int
    persistent_bytes: int = 0
    op_names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Energy:
    """An estimate: cycles times the chip's energy per cycle."""

    picojoule_per_cycle: float
    microjoule: float  # of one inference
    source: str


@dataclass(frozen=True)
class StageTiming:
    """A stage of the pipeline."""

    name: str  # "train", "convert", "compile", "build", "flash", "verify"
    seconds: float
    cached: bool = False  # nothing had changed: taken from the run before


@dataclass(frozen=True)
class Report:
    """Everything that one deployment found out."""

    model: ModelInfo
    board: str  # id, "nano33"
    engine: str  # "interpreter", "compiled"
    target: str  # "simulator", "device", "simulated device", "host", "renode"
    board_info: BoardInfo
    parity: Parity
    cycles: Cycles
    size: Size
    accuracy: Accuracy = field(default_factory=Accuracy)
    memory: MemoryMap | None = None
    energy: Energy | None = None
    stages: tuple[StageTiming, ...] = ()
    versions: dict[str, str] = field(default_factory=dict)  # package or tool -> version
    hashes: dict[str, str] = field(default_factory=dict)  # file or step -> SHA-256
    warnings: tuple[str, ...] = ()  # what a user should know of the model
    command: str = ""  # that makes this report again
    created: str = ""  # ISO 8601, UTC

    @property
    def verified(self) -> bool:
        """Whether every byte of at least one vector was as the judge's."""
        return self.parity.vectors > 0 and self.parity.mismatching_bytes == 0

    @property
    def milliseconds(self) -> float | None:
        """Time of one inference at the board's clock; None where only instructions were counted."""
        if self.cycles.unit == INSTRUCTIONS:
            return None
        return self.cycles.mean / self.board_info.cpu_hz * 1e3
