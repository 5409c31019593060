"""Hot swap: a new model into a running device, without a build and without flashing.

The model goes into the slot that does not run. The device checks it, answers its self-test vectors
and only then, by one mark in flash, takes it; until that mark is whole the old model stays.
firmware/app/slots.h has the device's side.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
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
    UsageError,
)
from tinydeploy.graph.ir import Model
from tinydeploy.graph.schema import OPERATORS
from tinydeploy.link import slots as requests
from tinydeploy.link.client import LOST, Device
from tinydeploy.link.identity import Identity
from tinydeploy.link.slots import SlotInfo, Slots, Trial
from tinydeploy.ops import support
from tinydeploy.push import writing
from tinydeploy.push.writing import Progress
from tinydeploy.stages import slot_image as images
from tinydeploy.stages.slot_image import SlotImage
from tinydeploy.stages.vectors import Vectors

Status = protocol.Status


@dataclass(frozen=True)
class Pushed:
    """What a swap did.

    Attributes:
        slot: that has the model now, or `slots.BUILT_IN`.
        written_bytes: of flash; 0 if the model ran already.
        kept_bytes: that a push which was cut short had left there.
        vectors: self-test vectors that the device answered.
        reconnects: how often the link was lost on the way.
    """

    slot: int
    written_bytes: int
    kept_bytes: int
    vectors: int
    arena_used_bytes: int
    reconnects: int
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
    say: Callable[[str], None] = lambda text: None,
    *,
    key: bytes | None = None,
) -> Pushed:
    """Put a model into a device that `connect` has greeted, and let it run.

    If the device runs it already, its flash is left alone. Where the link is lost, the client
    connects again, as often as its patience says, and goes on from the page that it had come to;
    so does a push of the same model after one that was cut short, whatever cut it.

    Args:
        vectors: the self-test; the judge makes the answers.
        say: is told of links that were lost.
        key: the push key of the firmware on the device, if it was built with one.

    Raises:
        UsageError: there are no vectors, or no key although the device asks for one.
        UnsupportedModelError, ModelTooLargeError: the device cannot run it; nothing was changed.
        ParityError: the device computes something else than TFLM; the old model runs on.
        DeviceFaultError: the flash or the runtime refused; the old model runs on.
        DeviceError: the link was lost; the device runs the old model or the new one.
    """
    support.require_supported(model)
    image = images.make(tflite, vectors, key)
    if image.vector_count == 0:
        raise UsageError(
            "a model without self-test vectors cannot be tried on the device", "give it one or more"
        )
    swap = _Swap(device, model, image, progress, has_key=key is not None)
    with swap.saying_what_runs():
        while True:
            try:
                return swap.run()
            except LOST as error:
                if swap.reconnects == device.patience.reconnects:
                    raise
                say(f"{error.message}; connecting again")
                swap.reconnects += 1
            with suppress(*LOST):  # what fails here fails once more above
                device.reconnect()


@dataclass
class _Swap:
    """A push under way; `run` may be called again after a link that was lost."""

    device: Device
    model: Model
    image: SlotImage
    progress: Progress | None
    has_key: bool
    reconnects: int = 0
    written_bytes: int = 0
    kept_bytes: int = 0
    vectors: int = 0
    was_tried: bool = False
    device_id: str = ""

    def run(self) -> Pushed:
        """From wherever the device is to the model that runs."""
        device = self.device
        slots, identity = requests.read(device), device.hello()
        self._require_same(identity)
        _require_key(identity, self.has_key)
        if self._runs(identity):
            return self._done(slots.running, identity)
        check(device, self.model, self.image, slots)
        target = writing.choose_slot(slots, self.image)
        trial = self._fill(target, slots.page_bytes)
        self.was_tried, self.vectors = True, trial.vectors
        _require_passed(trial, self.image)
        requests.activate(device, target.index)
        identity = device.hello()
        if not self._runs(identity):
            raise DeviceFaultError(
                f"the device still runs model {identity.model_hash[:12]} after the swap",
                "reset it and look with `tinydeploy status`",
            )
        return self._done(target.index, identity)

    @contextmanager
    def saying_what_runs(self) -> Iterator[None]:
        """Errors before the activation add that nothing is lost."""
        try:
            yield
        except DeviceError as error:
            if self.was_tried:
                raise
            raise type(error)(
                f"{error.message}; the device keeps its model",
                "push again, which goes on from where this one stopped",
            ) from error

    def _require_same(self, identity: Identity) -> None:
        self.device_id = self.device_id or identity.device_id
        if identity.device_id != self.device_id:
            raise LinkError(
                f"another {identity.board} answers than the one that the push began with",
                "plug in the first one and push again",
            )

    def _runs(self, identity: Identity) -> bool:
        return identity.has_model and identity.model_hash == self.image.model_hash

    def _fill(self, slot: SlotInfo, page_bytes: int) -> Trial:
        """Write what is not there, and let the device try it; all of it where that did not do."""
        first = writing.first_page(self.device, self.image, slot, page_bytes)
        if first and not self.reconnects:
            self.kept_bytes = len(self.image.header) + (first - 1) * page_bytes
        trial = self._write(slot.index, page_bytes, first)
        if first and trial.outcome == Status.SLOT_NOT_WHOLE:
            trial = self._write(slot.index, page_bytes, 0)
        return trial

    def _write(self, slot: int, page_bytes: int, first: int) -> Trial:
        def tell(done: int, total: int) -> None:
            self.written_bytes += len(self.image.page(done - 1, page_bytes))
            if self.progress is not None:
                self.progress(done, total)

        writing.write(self.device, self.image, slot, page_bytes, first=first, progress=tell)
        return requests.verify(self.device, slot)

    def _done(self, slot: int, identity: Identity) -> Pushed:
        return Pushed(
            slot,
            self.written_bytes,
            self.kept_bytes,
            self.vectors,
            self.device.memory()["arena_used_bytes"],
            self.reconnects,
            identity,
        )


def rollback(device: Device) -> Identity:
    """Go back to the model that ran before.

    Raises:
        DeviceFaultError: no other model ran before.
    """
    requests.rollback(device, requests.read(device).newest_sequence)
    return device.hello()


def _require_key(identity: Identity, has_key: bool) -> None:
    asks = identity.can(protocol.Capability.PUSH_KEY)
    if asks and not has_key:
        raise UsageError(
            "the firmware on the device takes only models that come with its push key",
            "give the file that it was deployed with: --key FILE",
        )
    if has_key and not asks:
        raise UsageError(
            "the firmware on the device asks for no push key: anyone with the port can push to it",
            "leave out --key, or put a firmware on it that does: `tinydeploy deploy --hot-swap "
            "--key FILE`",
        )


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
    if trial.outcome == Status.SLOT_NOT_AUTHENTIC:
        raise DeviceFaultError(
            "the push key is not the one of the firmware on the device; the old model runs on",
            "give the file that it was deployed with: --key FILE",
        )
    if trial.outcome != Status.OK:
        raise DeviceFaultError(
            f"{trial.reason}; the old model runs on",
            "look at the model with `tinydeploy inspect`",
        )
    if trial.vectors != image.vector_count:
        raise ParityError(
            f"the device says that the model passed, with {trial.vectors} of {image.vector_count} "
            "self-test vectors; the old model runs on",
            "put the present firmware on it: `tinydeploy deploy --hot-swap`",
        )
