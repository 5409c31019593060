"""GPIO and the pads (docs/boards/sparkfun_edge.md, 2.1)."""

from __future__ import annotations

from tinydeploy.simulate.bus import Block, ReadAction, Register, WriteAction
from tinydeploy.simulate.machine import Machine

PINS = 50
PAD_KEY = 0x73
PAD_RESET, PAD_INPUT_ENABLE = 0x18, 1 << 1  # function 3, input off
FUNCTION_GPIO = 3
OUTPUT_PUSH_PULL = 1


class Gpio(Block):
    """Pads, their functions, outputs."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine, "GPIO", 0x40010000)
        self._key = self.register(0x60, "PADKEY", mask=0xFF)
        self._pads = [
            self._locked(4 * n, f"PADREG{chr(65 + n)}", 0x18181818) for n in range((PINS + 3) // 4)
        ]
        self._configs = [
            self._locked(0x40 + 4 * n, f"CFG{chr(65 + n)}", 0) for n in range((PINS + 7) // 8)
        ]
        for n in range((PINS + 3) // 4):
            self._locked(0xE0 + 4 * n, f"ALTPADCFG{chr(65 + n)}", 0)
        self._outputs = [0, 0]
        self._tristate = [0, 0]
        for bank, letter in enumerate("AB"):
            self._declare_bank(bank, letter)

    def _locked(self, offset: int, name: str, reset: int) -> Register:
        """A register that needs the key."""
        register = self.register(offset, name, reset, mask=0)

        def write(value: int) -> None:
            if self._key.value == PAD_KEY:
                register.value = value
            else:
                self.violate(name, "written without PADKEY = 0x73: ignored")

        register.on_write = write
        return register

    def _declare_bank(self, bank: int, letter: str) -> None:
        step = 4 * bank
        for base, clear, name, bits in (
            (0x88, 0x98, "WT", self._outputs),
            (0xA0, 0xB4, "EN", self._tristate),
        ):
            read, write, set_, clear_ = _bank_actions(bits, bank)
            self.register(base + step, name + letter, mask=0, on_read=read, on_write=write)
            self.trigger(base + 8 + step, f"{name}S{letter}", set_)
            self.trigger(clear + step, f"{name}C{letter}", clear_)
        self.status(0x80 + step, f"RD{letter}", lambda: self._levels(bank))
        for n, name in enumerate(("EN", "STAT", "CLR", "SET")):
            self.register(0x200 + 0x10 * bank + 4 * n, f"INT{bank}{name}", mask=0)

    def function(self, pin: int) -> int:
        """Function of a pad."""
        return self._pad(pin) >> 3 & 7

    def input_enabled(self, pin: int) -> bool:
        """Whether the pad's input buffer is on."""
        return bool(self._pad(pin) & PAD_INPUT_ENABLE)

    def output(self, pin: int) -> bool | None:
        """Level that GPIO drives, None if it does not drive the pin."""
        config = self._configs[pin // 8].value >> 4 * (pin % 8)
        if self.function(pin) != FUNCTION_GPIO or config >> 1 & 3 != OUTPUT_PUSH_PULL:
            return None
        return bool(self._outputs[pin // 32] >> pin % 32 & 1)

    def _pad(self, pin: int) -> int:
        return self._pads[pin // 4].value >> 8 * (pin % 4) & 0xFF

    def _levels(self, bank: int) -> int:
        """Inputs idle high (pull-ups, button released); outputs with input enabled read back."""
        levels = 0
        for pin in range(32 * bank, min(PINS, 32 * bank + 32)):
            if self.input_enabled(pin) and self.output(pin) is not False:
                levels |= 1 << pin % 32
        return levels


def _bank_actions(
    bits: list[int], bank: int
) -> tuple[ReadAction, WriteAction, WriteAction, WriteAction]:
    """Read, write, set and clear one word of `bits`."""

    def write(value: int) -> None:
        bits[bank] = value

    def set_(value: int) -> None:
        bits[bank] |= value

    def clear(value: int) -> None:
        bits[bank] &= ~value

    return (lambda: bits[bank]), write, set_, clear
