"""Undocumented registers that the USBD's errata want written (docs/boards/nano33.md, 7)."""

from __future__ import annotations

from tinydeploy.simulate.bus import Block
from tinydeploy.simulate.machine import Machine

BASE = 0x4006E000
LOCK, ERRATUM_171, ERRATUM_187 = 0xC00, 0xC14, 0xD14
KEY = 0x9375
PREPARED_171, PREPARED_187 = 0xC0, 3


class Errata(Block):
    """A lock, which the key opens and closes in turn, and the two registers that it guards."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, "ERRATA", BASE)
        self._open = False
        self.register(LOCK, "LOCK", mask=0, on_read=lambda: int(self._open), on_write=self._turn)
        self._values = {
            offset: self.register(offset, f"ERRATUM{number}", on_write=self._check)
            for offset, number in ((ERRATUM_171, 171), (ERRATUM_187, 187))
        }

    @property
    def prepared_171(self) -> bool:
        """Between the writes of erratum 171."""
        return self._values[ERRATUM_171].value == PREPARED_171

    @property
    def prepared_187(self) -> bool:
        """Between the writes of erratum 187."""
        return self._values[ERRATUM_187].value == PREPARED_187

    @property
    def is_done(self) -> bool:
        """Whether what was prepared has been taken back."""
        return not any(register.value for register in self._values.values()) and not self._open

    def _turn(self, value: int) -> None:
        if value != KEY:
            self.violate("LOCK", f"{value:#x} is not the key {KEY:#x}")
            return
        self._open = not self._open

    def _check(self, value: int) -> None:
        if not self._open:
            self.violate("ERRATUM171/187", "written while locked: the key to 0x4006EC00 first")
