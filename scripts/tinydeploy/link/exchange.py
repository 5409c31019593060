"""How inputs get to a device and outputs back: over the link, or in its memory, as a debugger does.

The link is what a board on a desk has, and it is part of what is verified. A simulated board also
has a memory that can be reached from outside: the way to take where the link has shown that it
works and only takes time.
"""

from __future__ import annotations

from functools import cache
from typing import Protocol, runtime_checkable

from tinydeploy.abi import protocol
from tinydeploy.link.client import Device

LINK_BYTES = 64 << 10  # of inputs, after which the link has shown enough
INPUT, OUTPUT = protocol.TensorKind.INPUT, protocol.TensorKind.OUTPUT


@runtime_checkable
class DebugMemory(Protocol):
    """A device's memory, reached without the firmware's help."""

    def memory(self, address: int, size: int) -> bytes:
        """`size` bytes from `address` on."""

    def set_memory(self, address: int, data: bytes) -> None:
        """Write `data` to `address`."""


class Exchange(Protocol):
    """Moves the model's inputs and outputs; raises what `Device` raises."""

    def load(self, index: int, data: bytes) -> None:
        """Write the whole of input `index`."""

    def read(self, index: int, length: int) -> bytes:
        """The first `length` bytes of output `index`."""


class LinkExchange:
    """Over the link, frame by frame."""

    def __init__(self, device: Device) -> None:
        self._device = device
        self.loaded_bytes = 0

    def load(self, index: int, data: bytes) -> None:
        """Write the whole of input `index`."""
        self._device.load_input(index, data)
        self.loaded_bytes += len(data)

    def read(self, index: int, length: int) -> bytes:
        """The first `length` bytes of output `index`."""
        return self._device.read(OUTPUT, index, length)


class MemoryExchange:
    """Through the device's memory, at the addresses that the firmware states."""

    def __init__(self, device: Device, memory: DebugMemory) -> None:
        self._memory = memory
        self._address = cache(lambda kind, index: device.tensor(kind, index).address)

    def load(self, index: int, data: bytes) -> None:
        """Write the whole of input `index`."""
        self._memory.set_memory(self._address(INPUT, index), data)

    def read(self, index: int, length: int) -> bytes:
        """The first `length` bytes of output `index`."""
        return self._memory.memory(self._address(OUTPUT, index), length)


class Exchanges:
    """The ways of one verification, and how many inferences took each.

    Args:
        link_count: so many inferences go over the link, fewer once that has carried `LINK_BYTES`,
            None for all; those that follow take the memory, where it can be reached.
    """

    def __init__(self, device: Device, link_count: int | None) -> None:
        self._link = LinkExchange(device)
        self._memory: Exchange | None = None
        if link_count is not None and isinstance(device.transport, DebugMemory):
            self._memory = MemoryExchange(device, device.transport)
        self._link_count = link_count or 0
        self.over_link = 0

    @property
    def _is_enough(self) -> bool:
        return self.over_link >= self._link_count or self._link.loaded_bytes >= LINK_BYTES

    def next(self) -> Exchange:
        """The way that the next inference takes."""
        if self._memory is not None and self._is_enough:
            return self._memory
        self.over_link += 1
        return self._link
