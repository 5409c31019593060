"""What `deploy` and `verify` are told of their job."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from tinydeploy.commands import common

if TYPE_CHECKING:
    from tinydeploy.pipeline import Job


def add(parser: argparse.ArgumentParser) -> None:
    """The options."""
    common.add_model(parser)
    common.add_board(parser)
    common.add_target(parser)
    common.add_toolchain(parser)
    common.add_engine(parser)
    common.add_vectors(parser)


def of(options: argparse.Namespace) -> Job:
    """The job that they describe."""
    from tinydeploy.pipeline import Job

    return Job(
        board=options.board,
        model=options.model,
        variant=options.variant,
        target=options.target,
        link_port=options.link_port,
        build=common.build_options(options),
        vectors=options.vectors,
        link_vectors=options.link_vectors,
        data=options.data,
        seed=options.seed,
        retrain=options.retrain,
        given=common.given(options),
        modelled_baud=options.modelled_baud,
        wait_states=options.wait_states,
        usb=options.usb,
        flash_tool=getattr(options, "flash_tool", None),
        force=getattr(options, "force", False),
    )
