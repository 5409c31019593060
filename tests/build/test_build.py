from __future__ import annotations

import re
import shutil
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from elftools.elf.elffile import ELFFile
from tinydeploy import boards, tools
from tinydeploy.config import ROOT
from tinydeploy.errors import BuildError, ModelTooLargeError, SetupError
from tinydeploy.stages import image as images
from tinydeploy.stages.build import PROGRAM_VARIABLE, Image, build, build_id, platformio_environment
from tinydeploy.stages.build_options import BuildOptions
from toolchains_here import require_toolchain

MCUS = ("nano33", "sparkfun_edge")
TOOLCHAINS = ("zig", "gcc")
MakeImage = Callable[..., Image]
MakeProgram = Callable[..., Path]


@pytest.mark.parametrize("toolchain", TOOLCHAINS)
@pytest.mark.parametrize("board_id", MCUS)
def test_image_is_what_the_bootloader_starts(
    make_image: MakeImage, board_id: str, toolchain: str
) -> None:
    """First words: a stack pointer inside RAM and an odd address inside the image."""
    board = boards.load(board_id)
    flat = make_image(board_id, toolchain).bin.read_bytes()
    stack, reset = struct.unpack_from("<II", flat)
    assert board.ram_origin < stack <= board.ram_origin + board.ram_size
    assert reset % 2 == 1
    assert board.flash_origin < reset < board.flash_origin + len(flat)


@pytest.mark.parametrize("toolchain", TOOLCHAINS)
@pytest.mark.parametrize("board_id", MCUS)
def test_nothing_of_the_elf_lies_where_the_bootloader_is(
    make_image: MakeImage, board_id: str, toolchain: str
) -> None:
    """Debug probes write the ELF's segments as they are."""
    board = boards.load(board_id)
    with make_image(board_id, toolchain).elf.open("rb") as stream:
        segments = list(ELFFile(stream).iter_segments("PT_LOAD"))
        loaded = [segment["p_paddr"] for segment in segments if segment["p_filesz"]]
    assert min(loaded) == board.flash_origin


@pytest.mark.parametrize("toolchain", TOOLCHAINS)
@pytest.mark.parametrize("board_id", MCUS)
def test_sizes_add_up(make_image: MakeImage, board_id: str, toolchain: str) -> None:
    image = make_image(board_id, toolchain)
    padding = len(image.bin.read_bytes()) - image.flash_bytes
    assert 0 <= padding < 64  # alignment between sections
    assert sum(size for _, size in image.flash_breakdown) == image.flash_bytes
    assert image.sizes.arena_bytes == 4096
    assert image.sizes.stack_bytes == 4096
    assert 500 < image.ram_bytes < 4096  # of the firmware itself


def test_every_board_builds_for_this_pc_too(make_image: MakeImage) -> None:
    image = make_image("host")
    assert image.elf.read_bytes()[:4] == b"\x7fELF"
    assert image.sizes.stack_bytes == 0


def test_nothing_changed_means_no_build(make_program: MakeProgram, tmp_path: Path) -> None:
    program, board = make_program(), boards.load("nano33")
    first = build(program, board, out_dir=tmp_path)
    second = build(program, board, out_dir=tmp_path)
    assert (first.cached, second.cached) == (False, True)
    assert second.build_id == first.build_id


def test_another_program_and_back_gives_the_same_bytes(
    make_program: MakeProgram, tmp_path: Path
) -> None:
    board, one, other = boards.load("nano33"), make_program(4096), make_program(8192)
    first = build(one, board, out_dir=tmp_path / "a")
    second = build(other, board, out_dir=tmp_path / "b")
    again = build(one, board, out_dir=tmp_path / "c")
    assert again.bin.read_bytes() == first.bin.read_bytes() != second.bin.read_bytes()
    assert again.build_id == first.build_id != second.build_id


@pytest.mark.parametrize("toolchain", TOOLCHAINS)
def test_image_does_not_tell_where_it_was_built(make_image: MakeImage, toolchain: str) -> None:
    flat = make_image("nano33", toolchain).bin.read_bytes()
    assert str(ROOT).encode() not in flat


@pytest.mark.slow
def test_another_checkout_gives_the_same_bytes(
    make_image: MakeImage, make_program: MakeProgram, tmp_path: Path
) -> None:
    copy = tmp_path / "elsewhere"
    skip = shutil.ignore_patterns("build", ".git", ".venv", ".*_cache", "platforms", "*.lock")
    for name in ("firmware", "boards", "scripts"):
        shutil.copytree(ROOT / name, copy / name, ignore=skip)
    shutil.copy(ROOT / "platformio.ini", copy)
    tools.run(
        tools.python_module_argv("platformio", "run", "-e", "nano33", "-d", str(copy)),
        what="the build elsewhere",
        env={
            **platformio_environment(),
            PROGRAM_VARIABLE: str(make_program()),
            "PLATFORMIO_CORE_DIR": str(copy / "build" / "platformio" / "core-inside"),
            "PLATFORMIO_BUILD_DIR": str(copy / "build" / "pio"),
        },
    )
    there = copy / "build" / "pio" / "nano33-zig" / "firmware.bin"
    assert there.read_bytes() == make_image("nano33").bin.read_bytes()


@pytest.mark.parametrize(("board_id", "ram_bytes"), [("nano33", 262144), ("sparkfun_edge", 393216)])
def test_too_much_ram_is_refused_with_the_numbers(
    make_program: MakeProgram, tmp_path: Path, board_id: str, ram_bytes: int
) -> None:
    with pytest.raises(ModelTooLargeError) as caught:
        build(make_program(ram_bytes), boards.load(board_id), out_dir=tmp_path)
    needed = int(caught.value.message.split("needs ")[1].split(" bytes of RAM")[0].replace(",", ""))
    assert ram_bytes + 4096 < needed < ram_bytes + 3 * 4096  # arena, stack, static data
    assert f"has {ram_bytes:,}" in caught.value.message


def test_too_much_flash_is_refused_with_the_numbers(
    make_program: MakeProgram, tmp_path: Path
) -> None:
    program = make_program(4104)
    (program / "model.cc").write_text(
        '#include "model.h"\n'
        "alignas(16) const unsigned char g_model[900000] = {1};\n"
        "const unsigned int g_model_len = sizeof(g_model);\n"
    )
    with pytest.raises(ModelTooLargeError, match=r"needs 9\d\d,\d{3} bytes of flash.*has 851,968"):
        build(program, boards.load("nano33"), out_dir=tmp_path)


def test_what_does_not_compile_is_shown(make_program: MakeProgram, tmp_path: Path) -> None:
    program = make_program(4112)
    (program / "model.cc").write_text("nonsense\n")
    with pytest.raises(BuildError, match=r"model\.cc.*error") as caught:
        build(program, boards.load("nano33"), out_dir=tmp_path)
    assert "pio run -e nano33 -v` in " in caught.value.hint


@pytest.mark.parametrize("toolchain", TOOLCHAINS)
def test_static_constructors_are_refused(
    make_program: MakeProgram, tmp_path: Path, toolchain: str
) -> None:
    """Start-up does not run them, so an object that needs one would be used unmade."""
    require_toolchain("nano33", toolchain)
    program = make_program(4120)
    with (program / "model.cc").open("a") as stream:
        stream.write("volatile int one = 1; __attribute__((used)) int two = one + 1;\n")
    with pytest.raises(BuildError, match="static constructors are not run"):
        options = BuildOptions(toolchain=toolchain)
        build(program, boards.load("nano33"), options, out_dir=tmp_path)


def test_a_folder_without_a_program_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BuildError, match=r"no model\.h"):
        build(tmp_path, boards.load("nano33"), out_dir=tmp_path)


def test_an_unknown_toolchain_is_refused(make_program: MakeProgram, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="no toolchain 'msvc'"):
        options = BuildOptions(toolchain="msvc")
        build(make_program(), boards.load("nano33"), options, out_dir=tmp_path)


def test_build_id_depends_on_the_program(make_program: MakeProgram) -> None:
    board, program = boards.load("nano33"), make_program()
    before = build_id(program, board, "zig")
    with (program / "model.cc").open("a") as stream:
        stream.write("// changed\n")
    assert build_id(program, board, "zig") != before


def test_pio_run_shows_the_size(make_program: MakeProgram, make_image: MakeImage) -> None:
    make_image("nano33")
    done = tools.run(
        tools.python_module_argv(
            "platformio", "run", "-e", "nano33", "-t", "size", "-d", str(ROOT)
        ),
        what="pio run -t size",
        env={PROGRAM_VARIABLE: str(make_program()), **platformio_environment()},
    )
    sizes = images.sizes_of(make_image("nano33").elf)
    assert f"flash  {sizes.flash_bytes:8}" in done.stdout
    assert f"ram    {sizes.all_ram_bytes:8}" in done.stdout


def test_only_boards_of_ours_are_built_by_default() -> None:
    """The Arduino env needs a registry: `pio run` without arguments must not."""
    ini = (ROOT / "platformio.ini").read_text()
    defaults = re.search(r"^default_envs = (.*)$", ini, re.M)
    assert defaults
    assert sorted(defaults[1].split(", ")) == boards.names()
    assert "core_dir = build/platformio/core" in ini
