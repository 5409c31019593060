"""What one run deploys, from the model to the image, once all of it is there."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.boards import Board
from tinydeploy.sources import Source
from tinydeploy.stages.build import Image
from tinydeploy.stages.compile import Program
from tinydeploy.stages.vectors import Vectors
from tinydeploy.targets import Target


@dataclass(frozen=True, eq=False)
class Deployment:
    """A model that was built for a board, and what it is verified on and with.

    Attributes:
        target: where it runs.
        vectors: the inputs, with labels where there are any.
        program, image: the model as C++, and the firmware with it.
    """

    source: Source
    board: Board
    target: Target
    vectors: Vectors
    program: Program
    image: Image
