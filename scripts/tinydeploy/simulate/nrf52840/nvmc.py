"""NVMC: the flash controller (docs/boards/nano33.md, 1 and 8)."""

from __future__ import annotations

from tinydeploy.simulate.bus import Block
from tinydeploy.simulate.machine import Machine

BASE = 0x4001E000
READ_ONLY, WRITE_ENABLE, ERASE_ENABLE = 0, 1, 2
PAGE_BYTES = 4096
ERASE_S, WORD_WRITE_S = 85e-3, 41e-6
WRITES_PER_WORD = 2  # between erases: nWRITE of the product specification


class Nvmc(Block):
    """Flash writes (bits go from 1 to 0), page erase, instruction cache switch.

    Args:
        flash_size: bytes of flash from address 0.
        protected: ranges that are the bootloader's; erasing or writing there is a violation.
    """

    def __init__(self, machine: Machine, flash_size: int, protected: tuple[range, ...]) -> None:
        super().__init__(machine, "NVMC", BASE)
        self._flash_size = flash_size
        self._protected = protected
        self._busy_until = 0
        machine.flash.writes_per_word = WRITES_PER_WORD
        self.status(0x400, "READY", self._is_ready)
        self.status(0x408, "READYNEXT", self._is_ready)
        self._config = self.register(0x504, "CONFIG", mask=3)
        self.trigger(0x508, "ERASEPAGE", self._erase)
        self.register(0x540, "ICACHECNF", 1, mask=0x101)
        self.register(0x548, "IHIT", mask=0)
        self.register(0x54C, "IMISS", mask=0)
        machine.stops.on_rom_store = self.store

    def _is_ready(self) -> int:
        return int(self.machine.time.now >= self._busy_until)

    def _stall(self, seconds: float) -> None:
        """The CPU waits for the flash: it runs from there."""
        time = self.machine.time
        self._busy_until = time.now + time.ticks(seconds)
        time.skip_to(self._busy_until)

    def _erase(self, address: int) -> None:
        if self._config.value != ERASE_ENABLE:
            self.violate("ERASEPAGE", "has no effect unless CONFIG is 2")
        elif address % PAGE_BYTES or address >= self._flash_size:
            self.violate("ERASEPAGE", f"{address:#x} is not the address of a page")
        elif self._may_change(address):
            self.machine.flash.erase(address, PAGE_BYTES)
            self._stall(ERASE_S)

    def store(self, address: int, size: int, value: int) -> bool:
        """A store of the CPU to flash: True if it was carried out."""
        if self._config.value != WRITE_ENABLE:
            return False
        if size != 4 or address % 4:
            self.violate("CONFIG", "flash takes aligned 32-bit stores only")
            return False
        if self._may_change(address):
            self.machine.flash.write_word(address, value.to_bytes(4, "little"))
            self._stall(WORD_WRITE_S)
        return True

    def _may_change(self, address: int) -> bool:
        if any(address in range_ for range_ in self._protected):
            self.violate("CONFIG", f"{address:#x} belongs to the bootloader")
            return False
        return True
