"""Many images that differ in model.h alone, by one run of PlatformIO instead of one for each."""

from __future__ import annotations

from pathlib import Path

from tinydeploy.boards import Board
from tinydeploy.stages import build, image, program_folder
from tinydeploy.stages.build_options import BuildOptions
from tinydeploy.stages.image import Sizes


def sizes_of_variants(
    program_dir: Path, board: Board, folder: Path, options: BuildOptions
) -> dict[str, Sizes]:
    """What is in the firmware of `program_dir` with each other model.h.

    Args:
        folder: has `<name>/model.h` for each; the images are made there, and removed.

    Returns:
        Sizes by name.

    Raises:
        SetupError, BuildError, ModelTooLargeError: as `build`.
    """
    wanted = {build.VARIANTS_VARIABLE: str(folder.resolve())}
    with build.one_at_a_time():
        program_folder.put(program_dir, options)
        build.run_platformio(
            *(program_dir, board, options.toolchain, options.link), variables=wanted
        )
    images = sorted(folder.glob("*/firmware" if board.is_host else "*/firmware.elf"))
    sizes = {elf.parent.name: image.sizes_of(elf) for elf in images}
    for elf in images:
        elf.unlink()  # 3 MB each, with symbols
    return sizes
