"""Debug blocks of the core that firmware uses: DWT cycle counter, DEMCR."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydeploy.simulate.bus import Block

if TYPE_CHECKING:
    from tinydeploy.simulate.machine import Machine

DWT_BASE, DEBUG_PAGE = 0xE0001000, 0xE000E000
CYCCNTENA, TRCENA = 1, 1 << 24
DWT_CTRL_RESET = 0x40000000  # four comparators


class CycleCounter:
    """DWT_CYCCNT: active CPU cycles. It stands still during WFI, as the modelled count does."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine
        self.block = Block(machine, "DWT", DWT_BASE)
        machine.memory.map_io(DWT_BASE, 0x1000, self.block.read, self.block.write)
        self.reset()

    def reset(self) -> None:
        """State after a power-on reset."""
        self.block.registers.clear()
        self._offset = 0
        self._held = 0
        self._running = False
        self._demcr = self._machine.scs.block.register(
            0xDFC, "DEMCR", mask=TRCENA, on_write=lambda value: self._update()
        )
        self._machine.scs.block.register(0xDF0, "DHCSR", mask=0)
        self._control = self.block.register(
            0x000, "DWT_CTRL", DWT_CTRL_RESET, mask=CYCCNTENA, on_write=self._write_control
        )
        self.block.register(
            0x004, "DWT_CYCCNT", mask=0, on_read=self._read, on_write=self._write_count
        )
        for offset, name in (
            (0x8, "CPICNT"),
            (0xC, "EXCCNT"),
            (0x10, "SLEEPCNT"),
            (0x14, "LSUCNT"),
        ):
            self.block.register(offset, f"DWT_{name}", mask=0)
        self.block.trigger(0xFB0, "DWT_LAR", lambda value: None)

    def _read(self) -> int:
        if not self._demcr.value & TRCENA:
            self.block.violate("DWT_CYCCNT", "needs DEMCR.TRCENA, otherwise it does not count")
        if self._running:
            return (self._machine.cycles - self._offset) & 0xFFFFFFFF
        return self._held

    def _write_count(self, value: int) -> None:
        if not self._demcr.value & TRCENA:
            self.block.violate("DWT_CYCCNT", "needs DEMCR.TRCENA, otherwise the write is lost")
            return
        self._held = value
        self._offset = self._machine.cycles - value

    def _write_control(self, value: int) -> None:
        if not self._demcr.value & TRCENA:
            self.block.violate("DWT_CTRL", "needs DEMCR.TRCENA, otherwise the write is lost")
            self._control.value &= ~CYCCNTENA
        self._update()

    def _update(self) -> None:
        """Start or stop counting after a change of one of the two enable bits."""
        run = bool(self._demcr.value & TRCENA and self._control.value & CYCCNTENA)
        if run and not self._running:
            self._offset = self._machine.cycles - self._held
        elif self._running and not run:
            self._held = (self._machine.cycles - self._offset) & 0xFFFFFFFF
        self._running = run
