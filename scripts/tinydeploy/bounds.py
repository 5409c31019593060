"""How much a file from outside may ask of this PC, each bound declared once.

All are far beyond what a board runs (1 MB of flash, 384 KB of RAM) and what TFLM's judge takes, so
that an honest model meets the board's own limits first. What is beyond is refused before it is
unpacked, planned or run.
"""

from __future__ import annotations

import zipfile
from pathlib import Path

from tinydeploy.errors import TinyDeployError

# Of a .tflite
FILE_BYTES = 64 << 20
TENSOR_BYTES = 64 << 20  # computed by the model: as much as the judge's arena has for all
CONSTANT_BYTES = 64 << 20  # of all constants together, plus the file's size: many may share bytes
OPERATORS = 10_000  # in all subgraphs, and as many once every call has its copy, as on the device
ARGUMENTS = 100_000  # inputs and outputs of all operators
TABLES = {  # entries of each kind, in words, in the whole file
    "Operator": (OPERATORS, "operators"),
    "Tensor": (4 * OPERATORS, "tensors"),
    "Buffer": (4 * OPERATORS, "buffers"),
    "SubGraph": (256, "subgraphs"),
    "OperatorCode": (1_000, "operator codes"),
    "Metadata": (1_000, "entries of metadata"),
    "SignatureDef": (256, "signatures"),
    "TensorMap": (OPERATORS, "names of inputs and outputs"),
}
CUSTOM_OPTIONS = 256  # of one operator
CHANNELS = 1 << 20  # of all tensors whose channels are looked at one by one

# Of other files
SOURCE_BYTES = 16 << 20  # C source: 6 characters a byte
LABELS_BYTES = 16 << 20
UNPACKED_BYTES = 256 << 20  # of an archive; of a larger one, so many times its own size:
UNPACKED_RATIO = 4
MEMBERS = 10_000

# Of a process that runs code which is not ours on a file from outside
JUDGE_BYTES = 1 << 30  # besides what it has when it starts
JUDGE_CPU_S = 3600  # of one call, where no caller says less


def read(path: Path, most_bytes: int, error: type[TinyDeployError]) -> bytes:
    """Bytes of a file; an `error` if there are more than `most_bytes`, which are not read."""
    with path.open("rb") as file:
        data = file.read(most_bytes + 1)
    if len(data) > most_bytes:
        raise error(f"{path} is larger than {most_bytes:,} bytes", "no board has room for it")
    return data


def check_archive(path: Path, error: type[TinyDeployError]) -> None:
    """Refuse a zip archive (.npz, .keras) that would unpack to much more than it is.

    Raises:
        error: it says so itself. An archive that says less than it has is cut off there by zipfile.
        OSError, zipfile.BadZipFile: it cannot be read.
    """
    with zipfile.ZipFile(path) as archive:
        sizes = [member.file_size for member in archive.infolist()]
    most = max(UNPACKED_BYTES, UNPACKED_RATIO * path.stat().st_size)
    if sum(sizes) > most or len(sizes) > MEMBERS:
        raise error(
            f"{path} would unpack to {sum(sizes):,} bytes in {len(sizes):,} files",
            f"an archive of its size may have {most:,} bytes in {MEMBERS:,} files; split it",
        )
