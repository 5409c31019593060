"""GPIO ports P0 and P1 (docs/boards/nano33.md, 3)."""

from __future__ import annotations

from collections.abc import Callable

from tinydeploy.boards import Led
from tinydeploy.simulate.bus import Block
from tinydeploy.simulate.machine import Machine

BASE = 0x50000000
PORT_STRIDE = 0x300
PIN_CNF_RESET = 2
PINS_PER_PORT = (32, 16)


class Gpio:
    """Both ports.

    Args:
        owner: name of the peripheral that drives a pin instead of GPIO, "" if none.
    """

    def __init__(self, machine: Machine, owner: Callable[[int], str]) -> None:
        self.block = Block(machine, "GPIO", BASE)
        self._machine = machine
        self._owner = owner
        self._out = [0, 0]
        self._direction = [0, 0]
        self._pins = [[PIN_CNF_RESET] * count for count in PINS_PER_PORT]
        for port in (0, 1):
            self._declare(port, PORT_STRIDE * port)

    def _declare(self, port: int, base: int) -> None:
        block = self.block
        prefix = f"P{port}."
        out, direction = (lambda: self._out[port]), (lambda: self._direction[port])
        writers = (
            (0x504, "OUT", out, lambda value: self._write(port, value)),
            (0x508, "OUTSET", out, lambda value: self._write(port, self._out[port] | value)),
            (0x50C, "OUTCLR", out, lambda value: self._write(port, self._out[port] & ~value)),
            (0x514, "DIR", direction, lambda value: self._direct(port, value)),
            (0x518, "DIRSET", direction, lambda v: self._direct(port, self._direction[port] | v)),
            (0x51C, "DIRCLR", direction, lambda v: self._direct(port, self._direction[port] & ~v)),
        )
        for offset, name, read, write in writers:
            block.register(base + offset, prefix + name, mask=0, on_read=read, on_write=write)
        block.status(base + 0x510, prefix + "IN", lambda: self._levels(port))
        block.register(base + 0x520, prefix + "LATCH", mask=0)
        block.register(base + 0x524, prefix + "DETECTMODE", mask=1)
        for pin in range(PINS_PER_PORT[port]):
            self._declare_pin(port, pin, base + 0x700 + 4 * pin)

    def _declare_pin(self, port: int, pin: int, offset: int) -> None:
        def write(value: int) -> None:
            self._pins[port][pin] = value & 0x3070F
            self._direct(port, self._direction[port] & ~(1 << pin) | (value & 1) << pin)

        name = f"P{port}.PIN_CNF[{pin}]"
        self.block.register(
            offset, name, mask=0, on_read=lambda: self._pins[port][pin], on_write=write
        )

    def set_output(self, pin: int, level: bool) -> None:
        """As a bootloader leaves a pin."""
        port, bit = pin // 32, 1 << pin % 32
        self._out[port] = self._out[port] | bit if level else self._out[port] & ~bit
        self._direct(port, self._direction[port] | bit)

    def is_lit(self, led: Led) -> bool:
        """Whether GPIO makes the LED shine. A pin that a PWM owns does not follow GPIO."""
        port, bit = led.pin // 32, 1 << led.pin % 32
        if self._owner(led.pin) or not self._direction[port] & bit:
            return False
        return bool(self._out[port] & bit) != led.active_low

    def _write(self, port: int, value: int) -> None:
        value &= 0xFFFFFFFF
        changed = self._out[port] ^ value
        self._out[port] = value
        for pin in range(PINS_PER_PORT[port]):
            owner = self._owner(32 * port + pin) if changed >> pin & 1 else ""
            if owner.startswith("PWM"):
                self.block.violate(f"P{port}.OUT", f"no effect on pin {pin}: {owner} owns it")

    def _direct(self, port: int, value: int) -> None:
        self._direction[port] = value & 0xFFFFFFFF
        for pin, setting in enumerate(self._pins[port]):
            self._pins[port][pin] = setting & ~1 | self._direction[port] >> pin & 1

    def _levels(self, port: int) -> int:
        """IN: the level of driven pins whose input buffer is connected, else pull-ups."""
        levels = 0
        for pin, setting in enumerate(self._pins[port]):
            if setting & 2:
                continue
            driven = self._out[port] >> pin & 1
            pulled_up = setting >> 2 & 3 == 3
            levels |= (driven if setting & 1 else int(pulled_up)) << pin
        return levels
