"""A USB host: finds a device, enumerates it, talks to it, and can misbehave (USB 2.0, 8 and 9).

What it does is one generator, which yields how long the bus is busy with it, or WAIT until the
device or its user wants something. So an idle bus costs no simulation. It polls without pause: a
device that was not ready is asked again POLL_S after it has become ready.

A device that breaks a rule of the specification ends the simulation as a broken rule of the chip
does: with a violation, which is the firmware's.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from enum import Enum

from tinydeploy.simulate import usb_descriptors as descriptors
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.timeline import Event
from tinydeploy.simulate.usb_bus import PACKET_BYTES, Answer, Setup, UsbDevice, UsbPort
from tinydeploy.simulate.usb_descriptors import Configuration
from tinydeploy.simulate.usb_transfers import (
    POLL_S,
    WAIT,
    Doing,
    Outcome,
    Pipe,
    Transactions,
    Transfer,
)

DEBOUNCE_S = 0.1  # USB 2.0, 7.1.7.3
RESET_S = 0.01  # 7.1.7.5
RECOVERY_S = 0.01
RESUME_S = 0.02  # 7.1.7.7
ADDRESS_S = 0.002  # 9.2.6.3
ADDRESS = 7
CLEAR_FEATURE, GET_DESCRIPTOR, SET_ADDRESS, SET_CONFIGURATION = 1, 6, 5, 9
ENGLISH = 0x0409
STANDARD_BITS = 0x60  # of bmRequestType: 0 says that the request is a standard one


class State(Enum):
    """What the host knows of the device."""

    UNPLUGGED = "unplugged"
    POWERED = "powered"
    DEFAULT = "default"
    ADDRESSED = "addressed"
    CONFIGURED = "configured"
    SUSPENDED = "suspended"


class UsbHost:
    """The host at the other end of the cable.

    Args:
        port: the board's connector; the cable is not plugged in yet.

    Attributes:
        state: what it knows of the device.
        device_descriptor, configuration, strings: of the device, since it was enumerated.
        on_configured: called when the device can be used.
        on_data: gets what the device sends.
        wants_data: asked before data is fetched.
        enumerations: how often it got so far.
        bus: does the transactions.
    """

    def __init__(self, machine: Machine, port: UsbPort) -> None:
        self.state = State.UNPLUGGED
        self.device_descriptor = b""
        self.configuration: Configuration | None = None
        self.strings: dict[int, str] = {}
        self.enumerations = 0
        self.on_configured: Callable[[], None] = lambda: None
        self.on_data: Callable[[bytes], None] = lambda data: None
        self.wants_data: Callable[[], bool] = lambda: True
        self.bus = Transactions(machine.time, port, self.wake)
        self.in_pipe = self.out_pipe = self.notification_pipe = Pipe(0)
        self._machine = machine
        self._time = machine.time
        self._port = port
        self._outgoing: deque[bytes] = deque()
        self._transfers: deque[Transfer] = deque()
        self._next_step: Event | None = None
        self._waiting = self._woken = False
        self._life: Doing[None] = self._from_attachment()
        port.on_change = self._port_changed

    # What a user does

    def plug(self) -> None:
        """Put the cable in: 5 V, and a host that looks for a device."""
        self._begin(self._from_attachment(), State.POWERED)
        self._port.set_vbus(True)

    def unplug(self) -> None:
        """Pull the cable out."""
        self._begin(self._from_attachment(), State.UNPLUGGED)
        self._port.set_vbus(False)

    def reset(self) -> None:
        """Reset the bus, whatever is going on, and enumerate again."""
        self._begin(self._from_reset(), State.POWERED)

    def suspend(self) -> None:
        """Cease to talk, between two transactions."""
        self._device.frames(False)
        self._begin(self._asleep(), State.SUSPENDED)

    def resume(self) -> None:
        """Wake the device up and go on."""
        self._begin(self._from_resume(), State.SUSPENDED)

    def restart(self) -> None:
        """Go on after the timeline was cleared: the chip was reset."""
        self._next_step = None
        self._port_changed()
        self._schedule(POLL_S)

    def submit(self, transfer: Transfer) -> Transfer:
        """Queue a control transfer; its `outcome` tells when it has ended."""
        self._transfers.append(transfer)
        self.wake()
        return transfer

    def control(self, transfer: Transfer, limit_s: float = 6.0) -> Transfer:
        """Run the simulation until a control transfer has ended, at most `limit_s`."""
        self.submit(transfer)
        until = self._time.now + self._time.ticks(limit_s)
        self._machine.run(until, lambda: transfer.outcome is not Outcome.PENDING)
        return transfer

    def await_state(self, state: State, limit_s: float = 3.0) -> bool:
        """Run the simulation until `state` is reached; whether it was."""
        until = self._time.now + self._time.ticks(limit_s)
        self._machine.run(until, lambda: self.state is state)
        return self.state is state

    def send(self, data: bytes) -> None:
        """Queue bytes for the bulk pipe to the device."""
        for at in range(0, len(data), PACKET_BYTES):
            self._outgoing.append(data[at : at + PACKET_BYTES])
        self.wake()

    def send_packet(self, data: bytes) -> None:
        """Queue one packet, which may be short or empty."""
        self._outgoing.append(data)
        self.wake()

    @property
    def busy(self) -> bool:
        """Whether packets for the device are still on their way."""
        return bool(self._outgoing)

    def wake(self) -> None:
        """There may be something to do."""
        if self._waiting:
            self._schedule(POLL_S)
        else:
            self._woken = True

    # The machinery

    @property
    def _device(self) -> UsbDevice:
        assert self._port.device is not None
        return self._port.device

    def _begin(self, life: Doing[None], state: State) -> None:
        """Do something else from now on."""
        for transfer in self._transfers:
            transfer.outcome = Outcome.ABORTED
        self._transfers.clear()
        if state is not State.SUSPENDED:
            self._outgoing.clear()
        self._life, self.state = life, state
        self._schedule(POLL_S)

    def _port_changed(self) -> None:
        seen = self.state not in (State.UNPLUGGED, State.POWERED)
        if seen and not self._port.is_attached:
            self._begin(self._from_attachment(), State.POWERED)
        self.wake()

    def _schedule(self, seconds: float) -> None:
        if self._next_step:
            self._next_step.cancel()
        self._waiting = False
        self._next_step = self._time.after(self._time.ticks(seconds), self._step)

    def _step(self) -> None:
        self._next_step = None
        life = self._life
        delay_s = next(life)
        if life is not self._life:
            return  # a call-back began something else, and has planned its first step
        if delay_s is WAIT and not self._woken:
            self._waiting = True
        elif delay_s is WAIT:
            self._woken = False
            self._schedule(POLL_S)
        else:
            self._schedule(delay_s)

    def _breach(self, what: str) -> None:
        self._machine.violate("USB", what)

    # From plugging in to configured

    def _from_attachment(self) -> Doing[None]:
        while True:
            while not self._port.is_attached:
                yield WAIT
            yield DEBOUNCE_S
            if self._port.is_attached:
                yield from self._from_reset()

    def _from_reset(self) -> Doing[None]:
        self.state, self.configuration, self.bus.address = State.DEFAULT, None, 0
        self._device.bus_reset()
        yield RESET_S
        self._device.frames(True)
        yield RECOVERY_S
        yield from self._enumerate()
        yield from self._serve()

    def _asleep(self) -> Doing[None]:
        while True:
            yield WAIT

    def _from_resume(self) -> Doing[None]:
        self._device.bus_resume()
        yield RESUME_S
        self._device.frames(True)
        yield RECOVERY_S
        self.state = State.CONFIGURED if self.configuration else State.DEFAULT
        yield from self._serve()

    def _enumerate(self) -> Doing[None]:
        first = yield from self._descriptor(descriptors.DEVICE, 0, 8)
        yield from self._must(Setup(0, SET_ADDRESS, value=ADDRESS))
        self.bus.address, self.state = ADDRESS, State.ADDRESSED
        yield ADDRESS_S
        whole = yield from self._descriptor(descriptors.DEVICE, 0, 18)
        if whole[:8] != first:
            self._breach(f"the first bytes of the device descriptor change: {first.hex(' ')}")
        self._require("device descriptor", descriptors.check_device(whole))
        self.device_descriptor = whole
        found = yield from self._read_configuration()
        yield from self._read_strings(found)
        yield from self._must(Setup(0, SET_CONFIGURATION, value=found.value))
        self._open_pipes(found)

    def _read_configuration(self) -> Doing[Configuration]:
        head = yield from self._descriptor(descriptors.CONFIGURATION, 0, 9)
        size = int.from_bytes(head[2:4], "little")
        whole = yield from self._descriptor(descriptors.CONFIGURATION, 0, size)
        found = descriptors.read_configuration(whole)
        self._require("configuration", descriptors.check_configuration(found))
        self._require("serial port", descriptors.check_serial(found))
        return found

    def _read_strings(self, found: Configuration) -> Doing[None]:
        languages = yield from self._descriptor(descriptors.STRING, 0, 255)
        if ENGLISH.to_bytes(2, "little") not in languages[2:]:
            self._breach(f"no English among the languages {languages.hex(' ')}")
        self.strings = {}
        for index in (*self.device_descriptor[14:17], found.text):
            if index and index not in self.strings:
                data = yield from self._descriptor(descriptors.STRING, index, 255, ENGLISH)
                text = descriptors.read_string(data)
                self._require(f"string {index}", [] if text else [f"is {data.hex(' ')}"])
                self.strings[index] = text or ""

    def _open_pipes(self, found: Configuration) -> None:
        data = found.interface(descriptors.CDC_DATA)
        assert data is not None
        ways = {end.is_in: end.address for end in data.endpoints}
        self.in_pipe, self.out_pipe = Pipe(ways[True]), Pipe(ways[False])
        self.configuration, self.state = found, State.CONFIGURED
        self.enumerations += 1
        self.on_configured()

    def _require(self, what: str, faults: list[str]) -> None:
        if faults:
            self._breach(f"{what}: {'; '.join(faults)}")

    def _descriptor(self, kind: int, index: int, size: int, language: int = 0) -> Doing[bytes]:
        setup = Setup(0x80, GET_DESCRIPTOR, kind << 8 | index, language, size)
        data = yield from self._must(setup)
        return data

    def _must(self, setup: Setup) -> Doing[bytes]:
        """A request that every device obeys; one that does not is given up, as by Windows."""
        transfer = Transfer(setup)
        yield from self._run(transfer)
        if transfer.outcome is not Outcome.DONE:
            self._breach(f"{setup} is {transfer.outcome.value}")
            while True:
                yield WAIT
        return transfer.data

    # Service

    def _serve(self) -> Doing[None]:
        while True:
            did_something = yield from self._serve_once()
            if not did_something:
                yield WAIT

    def _serve_once(self) -> Doing[bool]:
        """Each pipe in turn; whether one of them moved."""
        moved = bool(self._transfers)
        if self._transfers:
            yield from self._run(self._transfers[0])
            self._transfers.popleft()
        if self.configuration is None:
            return moved
        if self._outgoing:
            answer = yield from self.bus.give(self.out_pipe, self._outgoing[0])
            if answer is Answer.ACK:
                self._outgoing.popleft()
            moved |= yield from self._survive(self.out_pipe, answer)
        if self.wants_data():
            taken = yield from self.bus.take(self.in_pipe)
            if isinstance(taken, bytes):
                self.on_data(taken)
            moved |= yield from self._survive(self.in_pipe, taken)
        return moved

    def _survive(self, pipe: Pipe, answer: bytes | Answer) -> Doing[bool]:
        """Whether a pipe moved; one that is halted is freed, as drivers do."""
        if answer is Answer.NOTHING:
            self._breach(f"endpoint {pipe.address:#04x} does not answer")
        if answer is Answer.STALL:
            yield from self._run(Transfer(Setup(2, CLEAR_FEATURE, 0, pipe.address)))
            pipe.toggle = 0
        return answer not in (Answer.NAK, Answer.NOTHING)

    def _run(self, transfer: Transfer) -> Doing[None]:
        yield from self.bus.run(transfer)
        late = transfer.outcome in (Outcome.LATE, Outcome.DEAD)
        if late and not transfer.setup.request_type & STANDARD_BITS:
            self._breach(f"{transfer.setup} is {transfer.outcome.value}")
