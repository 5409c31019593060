"""Firmware for hot swap with the sine model built in, and boards that run it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from tinydeploy import boards, simulate
from tinydeploy.config import MODELS_DIR
from tinydeploy.link.client import Device
from tinydeploy.link.process import ProcessTransport
from tinydeploy.push import swap_bench
from tinydeploy.push.swap_bench import Candidate
from tinydeploy.stages.build import Image, build
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.compile import compile_model
from tinydeploy.stages.flavour import Flavour

SINE = MODELS_DIR / "sine" / "sine_int8.tflite"
ARENA_BYTES = 64 << 10
BOARDS = ("nano33", "sparkfun_edge", "host")

PUSH_KEY = bytes(range(100, 132))

MakeImage = Callable[..., Image]


@pytest.fixture(scope="session")
def hot_swap_image(tmp_path_factory: pytest.TempPathFactory) -> MakeImage:
    """`hot_swap_image(board_id)`, built once each; `keyed`: with the push key PUSH_KEY."""

    @cache
    def make(board_id: str, keyed: bool = False) -> Image:
        folder = tmp_path_factory.mktemp(f"hot-swap-{board_id}")
        program = compile_model(SINE, None, folder / "program", name="s", arena_bytes=ARENA_BYTES)
        key = PUSH_KEY if keyed else None
        options = BuildOptions("interpreter", flavour=Flavour.HOT_SWAP, push_key=key)
        return build(program.folder, boards.load(board_id), options, out_dir=folder)

    return make


@pytest.fixture(params=BOARDS)
def transport(request: pytest.FixtureRequest, hot_swap_image: MakeImage) -> Iterator[Any]:
    """Each board in turn, with empty slots."""
    elf = hot_swap_image(request.param).elf
    board = boards.load(request.param)
    opened: Any = ProcessTransport(elf) if board.is_host else simulate.open(board, elf)
    yield opened
    opened.close()


@pytest.fixture
def device(transport: Any) -> Device:
    """A client of `transport`."""
    return Device(transport)


@pytest.fixture
def nano(hot_swap_image: MakeImage) -> Device:
    """The simulated Nano."""
    return Device(simulate.open(boards.load("nano33"), hot_swap_image("nano33").elf))


@pytest.fixture(scope="session")
def sine() -> bytes:
    """The built-in model."""
    return Path(SINE).read_bytes()


@pytest.fixture(scope="session")
def first(sine: bytes) -> Candidate:
    """A model as large as the sine, with other answers."""
    return swap_bench.candidate("first", swap_bench.variant(sine, -1.0))


@pytest.fixture(scope="session")
def second(sine: bytes) -> Candidate:
    """One more."""
    return swap_bench.candidate("second", swap_bench.variant(sine, 0.5))
