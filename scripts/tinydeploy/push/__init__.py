"""Hot swap: a new model into a running device, without a build and without flashing.

The model goes into the slot that does not run. The device checks it, answers its self-test vectors
and only then, by one mark in flash, takes it; until that mark is whole the old model stays.
firmware/app/slots.h has the device's side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from tinydeploy import arena
from tinydeploy.abi import protocol
from tinydeploy.errors import (
    DeviceError,
    DeviceFaultError,
    LinkError,
    ModelTooLargeError,
    ParityError,
    UnsupportedModelError,
)
from tinydeploy.graph.ir import Model
from tinydeploy.graph.schema import OPERATORS
from tinydeploy.link import slots as requests
from tinydeploy.link.client import Device, Identity
from tinydeploy.link.slots import Slots, Trial
from tinydeploy.ops import support
from tinydeploy.push import image as images
from tinydeploy.push.image import SlotImage
from tinydeploy.stages.vectors import Vectors

Progress = Callable[[int, int], None]
Status = protocol.Status


@dataclass(frozen=True)
class Pushed:
    """What a swap did.

    Attributes:
        slot: that has the model now, or `slots.BUILT_IN`.
        written_bytes: of flash; 0 if the model ran already.
        vectors: self-test vectors that the device answered.
    """

    slot: int
    written_bytes: int
    vectors: int
    arena_used_bytes: int
    identity: Identity


def connect(device: Device, board_id: str = "") -> Identity:
    """Greet a device that can take models; `board_id` says which board it must be.

    Raises:
        DeviceFaultError: its firmware has no model slots.
        LinkError: it is another board.
    """
    identity = device.hello()
    if board_id and identity.board != board_id:
        raise LinkError(
            f"{device.transport.description} is a {identity.board}, not a {board_id}",
            f"push with --board {identity.board}, or to the port of the {board_id}",
        )
    if not identity.can(protocol.Capability.HOT_SWAP):
        raise DeviceFaultError(
            f"the firmware on {identity.board} has no model slots ({identity.engine} engine)",
            f"put one on it that has: `tinydeploy deploy --hot-swap --board {identity.board}`",
        )
    return identity


def check(device: Device, model: Model, image: SlotImage, slots: Slots) -> None:
    """Make sure that the device can run the model before its flash is touched.

    Raises:
        UnsupportedModelError: the firmware on the device lacks an operator.
        ModelTooLargeError: slot or arena are too small.
    """
    _check_operators(requests.operators(device), model)
    if len(image.payload) > slots.room_bytes:
        raise ModelTooLargeError(
            f"model and self-test vectors have {len(image.payload):,} bytes, a slot takes "
            f"{slots.room_bytes:,}",
            "take a smaller model, or fewer --vectors",
        )
    needed = arena.needs(model)
    arena_bytes = device.memory()["arena_bytes"]
    if needed.exact and needed.total_bytes > arena_bytes:
        raise ModelTooLargeError(
            f"the model needs an arena of {needed.total_bytes:,} bytes, "
            f"the firmware has {arena_bytes:,}",
            "take smaller layers or inputs; `tinydeploy inspect` shows the largest tensors",
        )


def push(
    device: Device,
    tflite: bytes,
    model: Model,
    vectors: Vectors,
    progress: Progress | None = None,
) -> Pushed:
    """Put a model into a device that `connect` has greeted, and let it run.

    If the device runs it already, its flash is left alone. After a link that was lost the same call
    does the rest, from the start of the slot on.

    Args:
        vectors: the self-test; the judge makes the answers.

    Raises:
        UnsupportedModelError, ModelTooLargeError: the device cannot run it; nothing was changed.
        ParityError: the device computes something else than TFLM; the old model runs on.
        DeviceFaultError: the flash or the runtime refused; the old model runs on.
        DeviceError: the link was lost; the device runs the old model or the new one.
    """
    support.require_supported(model)
    image = images.make(tflite, vectors)
    slots = requests.read(device)
    identity = device.hello()
    if identity.has_model and identity.model_hash == image.model_hash:
        return Pushed(slots.running, 0, 0, device.memory()["arena_used_bytes"], identity)
    check(device, model, image, slots)
    target = slots.writable().index
    with _saying_what_runs():
        write(device, image, target, slots.page_bytes, progress)
        trial = requests.verify(device, target)
    _require_passed(trial, image)
    requests.activate(device, target)
    identity = device.hello()
    if identity.model_hash != image.model_hash:
        raise DeviceFaultError(
            f"the device still runs model {identity.model_hash[:12]} after the swap",
            "reset it and look with `tinydeploy status`",
        )
    written = len(image.header) + len(image.payload)
    return Pushed(target, written, trial.vectors, trial.arena_used_bytes, identity)


@contextmanager
def _saying_what_runs() -> Iterator[None]:
    """Errors before the activation add that nothing is lost."""
    try:
        yield
    except DeviceError as error:
        raise type(error)(
            f"{error.message}; the device keeps its model",
            "push again, which starts from the beginning",
        ) from error


def write(
    device: Device,
    image: SlotImage,
    slot: int,
    page_bytes: int,
    progress: Progress | None = None,
) -> None:
    """Erase a slot as far as needed and write it, a page and a frame at a time."""
    pages = range(image.pages(page_bytes))
    parts = list(image.parts(page_bytes, requests.part_bytes()))
    total = len(pages) + len(parts)
    for page in pages:  # the header's first: what the slot held before is gone at once
        requests.erase(device, slot, page)
        _tell(progress, page + 1, total)
    for number, (offset, data) in enumerate(parts):
        requests.write(device, slot, offset, data)
        _tell(progress, len(pages) + number + 1, total)


def rollback(device: Device) -> Identity:
    """Go back to the model that ran before.

    Raises:
        DeviceFaultError: no other model ran before.
    """
    requests.rollback(device, requests.read(device).newest_sequence)
    return device.hello()


def _tell(progress: Progress | None, done: int, total: int) -> None:
    if progress is not None:
        progress(done, total)


def _check_operators(known: frozenset[int], model: Model) -> None:
    lacking = {op.name for op in model.ops if OPERATORS.get(op.code, -1) not in known}
    if lacking:
        raise UnsupportedModelError(
            f"the firmware on the device lacks {', '.join(sorted(lacking))}",
            "put the present firmware on it: `tinydeploy deploy --hot-swap`",
        )


def _require_passed(trial: Trial, image: SlotImage) -> None:
    if trial.outcome == Status.SELF_TEST_FAILED:
        raise ParityError(
            f"the device answered {trial.vectors} of {image.vector_count} self-test vectors as "
            "TFLM does, and the next one not; the old model runs on",
            "`tinydeploy verify --explain --engine interpreter` finds the operator that differs",
        )
    if trial.outcome != Status.OK:
        raise DeviceFaultError(
            f"{trial.reason}; the old model runs on",
            "look at the model with `tinydeploy inspect`",
        )
