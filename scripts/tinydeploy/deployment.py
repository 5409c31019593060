"""What one run deploys, from the model to the image, once all of it is there; its verification."""

from __future__ import annotations

from dataclasses import dataclass, replace

from tinydeploy import targets
from tinydeploy.boards import Board
from tinydeploy.errors import ParityError
from tinydeploy.simulate import ids
from tinydeploy.sources import Source
from tinydeploy.stages import verify as verify_stage
from tinydeploy.stages.build import Image
from tinydeploy.stages.compile import Program
from tinydeploy.stages.vectors import Vectors
from tinydeploy.stages.verify import Verification
from tinydeploy.targets import Target
from tinydeploy.ui import Ui

LINK_VECTORS = 10  # over the link of a simulated board; the others go through its memory


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


def verified(found: Deployment, link_vectors: int | None, ui: Ui, title: str) -> Verification:
    """All vectors on the target, compared with TFLM.

    Args:
        link_vectors: so many go over the link of a simulated board; None for all.
        title: of the progress.
    """
    source, image = found.source, found.image
    device = targets.open_device(found.target, found.board, image.elf)
    try:
        identity = verify_stage.connect(device, source.data, image.build_id)
        with ui.progress(title) as progress:
            outcome = verify_stage.verify(
                *(device, source.model, source.data, found.vectors, found.program.steps, progress),
                link_vectors=link_vectors,
            )
    finally:
        device.close()
    return replace(outcome, is_simulated=ids.is_simulated(identity.device_id))


def require_parity(found: Verification, hint: str) -> None:
    """Raises ParityError if an output byte differs from TFLM's."""
    if found.mismatching_bytes:
        raise ParityError(
            f"{found.mismatching_bytes} of {found.bytes_compared} output bytes differ from TFLM; "
            f"first at {found.first_mismatch}",
            hint,
        )
