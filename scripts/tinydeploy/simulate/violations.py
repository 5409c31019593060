"""What the silicon would not forgive, found while the firmware runs."""

from __future__ import annotations

from dataclasses import dataclass

from tinydeploy.errors import DeviceError


class SimulationError(DeviceError):
    """The simulated CPU cannot go on, or broke a rule of the silicon in strict mode."""


@dataclass(frozen=True)
class Violation:
    """A rule of the chip that the firmware broke.

    Attributes:
        pc: address of the instruction; of its block when the simulation went on (not strict).
        where: peripheral and register, as the vendor names them: "UARTE0.PSEL.TXD".
        rule: what the silicon wants, and what it does otherwise.
        cycle: modelled cycle at which it happened.
        warning: True when it works on most boards but should not be relied on.
    """

    pc: int
    where: str
    rule: str
    cycle: int
    warning: bool = False

    def __str__(self) -> str:
        return f"{self.where}: {self.rule} (pc {self.pc:#010x}, cycle {self.cycle})"
