"""`build`: the firmware image for a model."""

from __future__ import annotations

import argparse

from tinydeploy.commands import common
from tinydeploy.ui import Ui


def add(commands: common.Commands) -> None:
    """Add the command."""
    build = common.add(commands, "build", run, "build the firmware image for a model")
    common.add_model(build)
    common.add_board(build)
    common.add_toolchain(build)
    common.add_engine(build)
    common.add_mode(build)
    common.add_hot_swap(build)
    common.add_json(build)


def run(options: argparse.Namespace, ui: Ui) -> None:
    """Run the command."""
    with common.made_image(options, ui) as image:
        fields = ("elf", "bin", "build_id", "toolchain", "flash_bytes", "ram_bytes", "cached")
        result = {name: getattr(image, name) for name in fields}
        common.print_result(options, result, image.elf)
