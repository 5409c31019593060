"""Endpoints of the USBD: the one packet each of them holds, and what it says to tokens."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum, auto

from tinydeploy.simulate.usb_bus import Answer, Packet, Setup

SET_ADDRESS = 5


class InEndpoint:
    """Bulk or interrupt IN endpoint.

    Attributes:
        packet: loaded by EasyDMA and not yet acknowledged by the host.
        generation: changes whenever what is under way has become void.
    """

    def __init__(self) -> None:
        self.toggle = 0
        self.halted = False
        self.packet: bytes | None = None
        self.generation = 0

    def drop(self) -> None:
        """Bus reset, or disabled: nothing is left to send."""
        self.packet = None
        self.halted = False
        self.generation += 1

    def token(self) -> Packet | Answer:
        """Answer an IN token."""
        if self.halted:
            return Answer.STALL
        return Answer.NAK if self.packet is None else Packet(self.toggle, self.packet)

    def acknowledged(self) -> None:
        """The host has the packet."""
        self.packet = None
        self.toggle ^= 1


class OutEndpoint:
    """Bulk or interrupt OUT endpoint.

    Attributes:
        armed: whether the next packet is accepted.
        waiting: a packet that was acknowledged and not yet moved by EasyDMA.
        size: what SIZE.EPOUT reads: bytes of the last packet.
        set_up_anew: the firmware has touched its configuration since the packet came.
    """

    def __init__(self) -> None:
        self.toggle = 0
        self.halted = False
        self.armed = False
        self.waiting: bytes | None = None
        self.size = 0
        self.set_up_anew = False

    def drop(self) -> None:
        """Bus reset, or disabled."""
        self.waiting = None
        self.halted = self.armed = False

    def receive(self, packet: Packet) -> tuple[Answer, bool]:
        """Answer an OUT transaction; also whether new data has come."""
        if self.halted:
            return Answer.STALL, False
        if not self.armed or self.waiting is not None:
            return Answer.NAK, False
        if packet.toggle != self.toggle:
            return Answer.ACK, False  # the host repeats what it has sent: its ACK was lost
        self.toggle ^= 1
        self.waiting, self.size = packet.data, len(packet.data)
        self.set_up_anew = False
        return Answer.ACK, True


class Stage(Enum):
    """Where a control transfer is."""

    IDLE = auto()
    DATA = auto()
    STATUS = auto()
    STALLED = auto()


class ControlEndpoint:
    """Endpoint 0: the state machine of control transfers (USB 2.0, 8.5.3).

    Attributes:
        sent, received: bytes of the data stage so far.
        packet, waiting: as in the other endpoints.
        may_receive: EP0RCVOUT was triggered.
        may_finish: EP0STATUS was triggered.
        on_data_done: called when the host has taken or given a packet of the data stage.
        on_address: called when SET_ADDRESS is complete; the hardware does all of it.
    """

    def __init__(self, on_data_done: Callable[[], None], on_address: Callable[[int], None]) -> None:
        self.generation = 0
        self._on_data_done = on_data_done
        self._on_address = on_address
        self.reset()

    def reset(self) -> None:
        """No transfer is going on."""
        self._begin(Setup(0, 0), Stage.IDLE)

    def _begin(self, setup: Setup, stage: Stage) -> None:
        self.setup = setup
        self.stage = stage
        self.toggle = 1
        self.sent = self.received = self.size = 0
        self.packets = 0
        self.packet: bytes | None = None
        self.waiting: bytes | None = None
        self.may_receive = self.may_finish = False
        self.generation += 1

    @property
    def sets_address(self) -> bool:
        """Whether the transfer is SET_ADDRESS."""
        return self.setup.request_type == 0 and self.setup.request == SET_ADDRESS

    @property
    def data_is_complete(self) -> bool:
        """Whether firmware may go on to the status stage."""
        if not self.setup.length or self.stage is not Stage.DATA:
            return True
        if self.setup.is_in:
            return self.packets > 0 and self.packet is None
        return self.received >= self.setup.length and self.waiting is None

    def begin(self, setup: Setup) -> None:
        """A SETUP packet came, which ends whatever was going on."""
        self._begin(setup, Stage.DATA if setup.length else Stage.STATUS)
        self.may_finish = self.sets_address

    def stall(self) -> None:
        """EP0STALL: until the next SETUP."""
        self.stage = Stage.STALLED

    def take_in(self) -> Packet | Answer:
        """Answer an IN token."""
        if self.stage is Stage.STALLED:
            return Answer.STALL
        if self.setup.is_in and self.setup.length:
            return Answer.NAK if self.packet is None else Packet(self.toggle, self.packet)
        finished = self.may_finish and self.data_is_complete
        return Packet(1, b"") if finished else Answer.NAK

    def acknowledged(self) -> None:
        """The host has the packet: of the data stage, or the empty one of the status stage."""
        if self.setup.is_in and self.setup.length:
            self.sent += len(self.packet or b"")
            self.packets += 1
            self.packet = None
            self.toggle ^= 1
            self._on_data_done()
            return
        if self.sets_address:
            self._on_address(self.setup.value & 0x7F)
        self.stage = Stage.IDLE

    def receive(self, packet: Packet) -> Answer:
        """Answer an OUT transaction."""
        if self.stage is Stage.STALLED:
            return Answer.STALL
        if self.setup.is_in or not self.setup.length:
            return self._receive_status()
        if packet.toggle != self.toggle:
            return Answer.ACK
        if not self.may_receive or self.waiting is not None:
            return Answer.NAK
        self.may_receive = False
        self.toggle ^= 1
        self.received += len(packet.data)
        self.waiting, self.size = packet.data, len(packet.data)
        self._on_data_done()
        return Answer.ACK

    def _receive_status(self) -> Answer:
        if not self.may_finish:
            return Answer.NAK
        self.stage = Stage.IDLE
        return Answer.ACK
