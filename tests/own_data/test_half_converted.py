"""A conversion that was cut off is not taken for the model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from tinydeploy import bootstrap, models, sources
from tinydeploy.errors import TrainingError
from tinydeploy.sources import Source
from tinydeploy.stages import convert
from tinydeploy.stages.convert import Conversion
from tinydeploy.ui import Ui

RIGHT = models.load("sine").tflite().read_bytes()
OTHER = models.load("kws").tflite().read_bytes()

Resolve = Callable[[], Source]


@pytest.fixture
def resolve(tmp_path: Path) -> Resolve:
    path = tmp_path / "net.keras"
    path.write_bytes(b"PK\x03\x04 of Keras")
    return lambda: sources.resolve(str(path), None, False, None, Ui(quiet=True))


@pytest.fixture
def outcomes(monkeypatch: pytest.MonkeyPatch) -> list[bytes | Exception]:
    """What the next conversions leave; an error comes after half of the file."""
    planned: list[bytes | Exception] = []

    def convert_all(
        _: Path, wanted: Sequence[tuple[Path, str]], *__: object, **___: object
    ) -> Conversion:
        outcome, (out, _) = planned.pop(0), wanted[0]
        out.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(outcome, Exception):
            out.write_bytes(RIGHT[: len(RIGHT) // 2])
            raise outcome
        out.write_bytes(outcome)
        return Conversion("noise", ())

    monkeypatch.setattr(convert, "convert_all", convert_all)
    monkeypatch.setattr(bootstrap, "ensure", lambda _: None)
    return planned


def test_it_is_converted_once(resolve: Resolve, outcomes: list[bytes | Exception]) -> None:
    outcomes.append(RIGHT)
    assert resolve().data == resolve().data == RIGHT


def test_again_after_one_that_was_cut_off(
    resolve: Resolve, outcomes: list[bytes | Exception]
) -> None:
    """Also where a conversion before it was whole."""
    outcomes[:] = [RIGHT, TrainingError("killed"), RIGHT]
    resolve().tflite.unlink()
    with pytest.raises(TrainingError):
        resolve()
    assert resolve().data == RIGHT
    assert not outcomes


def test_again_where_the_file_is_another(
    resolve: Resolve, outcomes: list[bytes | Exception]
) -> None:
    outcomes[:] = [RIGHT, RIGHT]
    resolve().tflite.write_bytes(OTHER)
    assert resolve().data == RIGHT
