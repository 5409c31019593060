"""A user's NumPy file: which of its arrays is which input of the model, and which the labels."""

from __future__ import annotations

import re
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from tinydeploy import bounds
from tinydeploy.errors import UsageError

Array = npt.NDArray[Any]

INPUT_STEMS = ("inputs", "input", "x", "x_test", "x_train", "X")  # each also with a number after
LABEL_NAMES = ("labels", "label", "y", "y_test", "y_train", "targets", "target")
ENCODING_NAMES = ("scale", "zero_point")  # beside quantized inputs: how to read them
HINT = "save the inputs with numpy.savez('data.npz', inputs=..., labels=...)"


@dataclass(frozen=True)
class Arrays:
    """What a file holds, put in the order of the model's inputs.

    Attributes:
        inputs: one array for each input of the model.
        labels: None where the file has none.
        encoding: scale and zero point of quantized inputs, where the file says them.
        names: of the arrays that were taken, for messages.
        unread: names of the arrays that nothing was found for.
    """

    inputs: tuple[Array, ...]
    labels: Array | None
    encoding: tuple[float, int] | None
    names: tuple[str, ...]
    unread: tuple[str, ...] = ()

    @property
    def real(self) -> tuple[Array, ...]:
        """The inputs as real numbers, where the file says how they were quantized."""
        if self.encoding is None:
            return self.inputs
        scale, zero_point = np.float32(self.encoding[0]), np.float32(self.encoding[1])
        return tuple(
            (values - zero_point) * scale if values.dtype.kind in "iu" else values
            for values in self.inputs
        )


def read(path: Path, wanted: Sequence[Sequence[str]]) -> Arrays:
    """Read a .npz or .npy file.

    Args:
        wanted: for each input of the model, the names that it goes by.

    Raises:
        UsageError: no such file, none of NumPy's, or one whose arrays cannot be told apart.
    """
    found = _stored(path)
    inputs = _bound(found, wanted, path)
    rest = {name: found[name] for name in found if name not in inputs}
    labels = _labels_name(rest, inputs)
    encoding = _encoding(rest)
    taken = {*inputs, *([labels] if labels else []), *(ENCODING_NAMES if encoding else ())}
    return Arrays(
        tuple(found[name] for name in inputs),
        found[labels] if labels else None,
        encoding,
        tuple(name for name in (*inputs, labels) if name),
        tuple(sorted(found.keys() - taken)),
    )


def _stored(path: Path) -> dict[str, Array]:
    """All arrays of a file by name; a .npy has one, named `inputs`."""
    if not path.is_file():
        raise UsageError(f"no data at {path}", "give a .npz or .npy file")
    try:
        if zipfile.is_zipfile(path):
            bounds.check_archive(path, UsageError)
        loaded = np.load(path, allow_pickle=False)
        if isinstance(loaded, np.ndarray):
            return {"inputs": loaded}
        with loaded:
            return {name: loaded[name] for name in loaded.files}
    except (OSError, ValueError, EOFError, zipfile.BadZipFile, zlib.error, MemoryError) as error:
        raise UsageError(f"{path} cannot be read: {_reason(path, error)}", HINT) from error


def _reason(path: Path, error: BaseException) -> str:
    if not path.stat().st_size:
        return "it is empty"
    with path.open("rb") as file:
        magic = file.read(6)
    if not magic.startswith((b"PK", b"\x93NUMPY")):
        return "it is no .npz or .npy file"
    if "Object arrays" in str(error):
        return "it holds Python objects, such as rows of different lengths"
    return f"it is damaged or cut short ({str(error).splitlines()[0] if str(error) else error!r})"


def _bound(found: dict[str, Array], wanted: Sequence[Sequence[str]], path: Path) -> list[str]:
    """The name of each input's array: its own name, else a number, else that of the only one."""
    by_name = [next((name for name in names if name in found), None) for names in wanted]
    if all(by_name) and len(set(by_name)) == len(wanted):
        return [name for name in by_name if name is not None]
    for stem in INPUT_STEMS:
        numbered = _numbered(found, stem)
        if len(wanted) == 1 and stem in found:
            return [stem]
        if len(numbered) == len(wanted):
            return numbered
    others = [name for name in found if name not in (*LABEL_NAMES, *ENCODING_NAMES)]
    if len(wanted) == len(others) == 1:
        return others
    names = ", ".join(aliases[0] for aliases in wanted)
    raise UsageError(
        f"{path} has {_counted(len(found), 'array')} ({', '.join(found) or 'none'}), "
        f"the model {_counted(len(wanted), 'input')} ({names})",
        "name the arrays as the inputs, or inputs_0, inputs_1, ... in the model's order",
    )


def _numbered(found: dict[str, Array], stem: str) -> list[str]:
    """`stem_0`, `stem_1`, ..., `stem_10` in the order of their numbers."""
    matches = [(re.fullmatch(rf"{re.escape(stem)}_?(\d+)", name), name) for name in found]
    return [name for _, name in sorted((int(m[1]), name) for m, name in matches if m)]


def _labels_name(rest: dict[str, Array], inputs: Sequence[str]) -> str | None:
    """The array of labels: `y_test` beside `x_test`, else the first known name."""
    beside = [name.replace("x", "y", 1) for name in inputs if name.startswith("x_t")]
    return next((name for name in (*beside, *LABEL_NAMES) if name in rest), None)


def _encoding(rest: dict[str, Array]) -> tuple[float, int] | None:
    if not set(ENCODING_NAMES) <= set(rest) or any(rest[name].size != 1 for name in ENCODING_NAMES):
        return None
    return float(rest["scale"].item()), int(rest["zero_point"].item())


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"
