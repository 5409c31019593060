"""`--mode bare`: firmware without a link runs the model over and over."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tinydeploy import boards, simulate
from tinydeploy.config import MODELS_DIR
from tinydeploy.judge import Judge
from tinydeploy.lower.compile_options import Choices
from tinydeploy.memory import ArenaBuffer
from tinydeploy.stages.build import Image, build, object_folder
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.compile import Program
from tinydeploy.stages.compile_plan import compile_plan
from tinydeploy.stages.flavour import Flavour

SINE = MODELS_DIR / "sine" / "sine_int8.tflite"
MOST_FLASH_BYTES = 5120  # of sine; with the link twice as many
SLICE_S, MOST_SLICES = 2e-6, 2000


@pytest.fixture(scope="module", params=["nano33", "sparkfun_edge"])
def bare(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Program, Image]:
    folder: Path = tmp_path_factory.mktemp("bare")
    program = compile_plan(SINE, folder, name="sine", choices=Choices("size"))
    options = BuildOptions("compiled", Choices("size"), flavour=Flavour.BARE)
    image = build(folder, boards.load(request.param), options, out_dir=folder / "firmware")
    return request.param, program, image


def _buffer(program: Program, name: str) -> ArenaBuffer:
    assert program.memory is not None
    return next(each for each in program.memory.buffers if each.name == name)


def test_computes_what_tflm_does(bare: tuple[str, Program, Image]) -> None:
    board, program, image = bare
    given, result = program.inputs[0], program.outputs[0]
    device = simulate.open(boards.load(board), image.elf)
    arena = device.symbol("g_tensor_arena").address
    done = device.symbol("g_inferences").address
    value = np.array([[-37]], np.int8)
    device.machine.write(arena + _buffer(program, given.name).offset, value.tobytes())
    for _ in range(MOST_SLICES):
        device.run(SLICE_S)
        if int.from_bytes(device.machine.read(done, 4), "little") == 1:
            break
    answer = device.machine.read(arena + _buffer(program, result.name).offset, 1)
    expected = Judge(SINE.read_bytes()).run([value])[0]
    assert answer == expected.tobytes()
    device.run(1e-3)
    assert int.from_bytes(device.machine.read(done, 4), "little") > 1


def test_has_no_link(bare: tuple[str, Program, Image]) -> None:
    board, _, image = bare
    assert image.flash_bytes <= MOST_FLASH_BYTES
    device = simulate.open(boards.load(board), image.elf)
    assert not [name for name in device.image.symbols if "Server" in name or "Crc32" in name]


def test_objects_are_kept_apart(bare: tuple[str, Program, Image]) -> None:
    board, program, _ = bare
    folder = object_folder(boards.load(board), "zig", program.folder)
    assert folder.name == f"{board}-zig-compiled-bare-compact"
