"""How a simulated device is to behave."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """What may be chosen of a simulated device, whichever its board.

    Attributes:
        baud: bit rate of the host's end of the serial line; 0 for the board's own.
        fast_uart: characters take no time worth mentioning and never overrun the firmware; else
            what the bit rate gives them.
        strict: a broken rule of the chip raises SimulationError; else it is only recorded.
        bootloader: which of the board's bootloaders hands over, "A" or "B" for nano33; "" for the
            first.
        native: use the compiled cycle counter; None takes it where it can be built.
        wait_states: add an estimate of the flash's wait states to the cycles; else there are none.
        usb: a USB cable to a host is plugged in, and the serial line is the one over it; for chips
            whose USB is modelled.
        pace: hold simulated time back to wall-clock time.
    """

    baud: float = 0
    fast_uart: bool = True
    strict: bool = True
    bootloader: str = ""
    native: bool | None = None
    wait_states: bool = False
    usb: bool = False
    pace: bool = False
