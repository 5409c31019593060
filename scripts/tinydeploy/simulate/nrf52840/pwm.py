"""PWM0..3: only that they own pins; firmware takes the LED back from the bootloader's PWM."""

from __future__ import annotations

from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.nrf52840.base import NrfBlock

DISCONNECTED = 0xFFFFFFFF
CHANNELS = 4


class Pwm(NrfBlock):
    """One PWM."""

    def __init__(self, machine: Machine, name: str, base: int) -> None:
        super().__init__(machine, name, base)
        self.task(0x004, "STOP", lambda: self.happen("STOPPED"))
        self.event(0x104, "STOPPED")
        self._enable = self.register(0x500, "ENABLE", mask=1)
        self._pins = [
            self.register(0x560 + 4 * n, f"PSEL.OUT[{n}]", DISCONNECTED) for n in range(CHANNELS)
        ]

    def leave_enabled(self, pin: int | None = None) -> None:
        """As the bootloader does, optionally driving a pin."""
        self._enable.value = 1
        if pin is not None:
            self._pins[0].value = pin

    def owns(self, pin: int) -> bool:
        """Whether it drives this pin."""
        return bool(self._enable.value) and any(p.value == pin for p in self._pins)
