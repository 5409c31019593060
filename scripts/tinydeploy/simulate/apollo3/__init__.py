"""Apollo3 Blue after a loader that leaves an unknown state (docs/boards/sparkfun_edge.md, 1.2)."""

from __future__ import annotations

from tinydeploy.boards import Board
from tinydeploy.simulate.apollo3.gpio import Gpio
from tinydeploy.simulate.apollo3.power import CacheControl, Clocks, McuControl, PowerControl
from tinydeploy.simulate.apollo3.rom import BootRom
from tinydeploy.simulate.apollo3.system import ResetGenerator, SystemTimer, Watchdog
from tinydeploy.simulate.apollo3.uart import Uart
from tinydeploy.simulate.bus import Block, Bus
from tinydeploy.simulate.exceptions import FIRST_IRQ
from tinydeploy.simulate.flash_timing import FlashTiming
from tinydeploy.simulate.image import ElfImage
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.memory_map import Memory
from tinydeploy.simulate.options import Options
from tinydeploy.simulate.serial_line import SerialLine

TICK_HZ = 96_000_000
TICKS_PER_CYCLE_48MHZ = 2
IRQ_COUNT = 32
FLASH = Memory(0, 0x100000, is_rom=True)
# Geometry 8, instructions and data, and the one wait state that the vendor recommends: what the
# firmware sets (docs/boards/sparkfun_edge.md, 1.4). That a line costs one read is assumed.
WAIT_STATES = FlashTiming(
    FLASH.size, wait_cycles=1, line_bytes=16, sets=1024, ways=1, caches_data=True
)
RAM = Memory(0x10000000, 0x60000)
UART0, UART0_IRQ, UART0_DEVICE, UART_DOMAIN = 0x4001C000, 15, 7, 2
UART_FUNCTION = 0
RESET_STATUS = {
    "pin": 1 << 0,
    "power-on": 1 << 1,
    "software POR": 1 << 3,
    "software POI": 1 << 4,
    "software": 1 << 4,
    "watchdog": 1 << 6,
}
LOADER_BAUD = 115200
LOADER_S = 0.05
LOADER_STACK = 0x10001000  # RAM, but not the application's stack
LOADER_VECTOR_TABLE = 0


class Chip:
    """The chip, what a loader may leave, and the image after it."""

    def __init__(self, board: Board, image: ElfImage, options: Options) -> None:
        self._board = board
        self.machine = Machine(
            (FLASH, RAM),
            irq_count=IRQ_COUNT,
            tick_hz=TICK_HZ,
            ticks_per_cycle=TICKS_PER_CYCLE_48MHZ,
            strict=options.strict,
            native=options.native,
            flash_timing=WAIT_STATES if options.wait_states else None,
        )
        self.line = SerialLine(self.machine.time, options.baud, fast=options.fast_uart)
        self.in_bootloader = False
        self._low = Bus(self.machine, 0x40000000, 0x31000)
        self._status = Bus(self.machine, 0x4FFFF000, 0x1000)
        Bus(self.machine, 0x50000000, 0x15000)
        self._reset_status = RESET_STATUS["power-on"]
        for segment in image.segments:
            self.machine.write(segment.address, segment.data)
        self.machine.on_reset = self.reset
        self._boot()

    @property
    def leds(self) -> dict[str, bool]:
        """Which LEDs shine."""
        return {
            name: bool(self._gpio.output(led.pin)) != led.active_low
            for name, led in self._board.leds.items()
        }

    def reset(self, reason: str) -> None:
        """Reset, and run through the loader again."""
        self.machine.time.clear()
        self._reset_status = RESET_STATUS[reason]
        self._boot()
        self.machine.time.skip_to(self.machine.time.now + self.machine.time.ticks(LOADER_S))
        self.line.restart()

    def _boot(self) -> None:
        machine = self.machine
        machine.reset_core()
        machine.time.set_rate(TICKS_PER_CYCLE_48MHZ)
        self._make_peripherals()
        self._leave_loader_state()
        words = machine.memory.try_read_words(self._board.flash_origin, 2)
        assert words is not None
        machine.start_at(LOADER_STACK, words[1])

    def _make_peripherals(self) -> None:
        machine = self.machine
        self._power = PowerControl(machine, left_on=1 << UART0_DEVICE)
        mcu = McuControl(machine)
        self._clocks = Clocks(machine, mcu, self._power)
        self._cache = CacheControl(machine)
        self._gpio = Gpio(machine)
        self._uart = Uart(
            machine,
            "UART0",
            UART0,
            UART0_IRQ,
            self.line,
            is_powered=lambda: self._power.is_on(UART0_DEVICE, UART_DOMAIN),
            connected=self._pad_is_connected,
        )
        BootRom(machine, self._write_through_rom)
        for block in (
            self._power,
            mcu,
            self._clocks,
            self._cache,
            self._gpio,
            self._uart,
            ResetGenerator(machine),
            Watchdog(machine),
            SystemTimer(machine),
        ):
            self._low.add(block)
        status = Block(machine, "RSTGEN", 0x4FFFF000)
        status.status(0, "STAT", self._reset_status)
        self._status.add(status)
        self.line.connect(self._uart)

    def _pad_is_connected(self, direction: str) -> bool:
        if direction == "TX":
            return self._gpio.function(self._board.uart_tx) == UART_FUNCTION
        receives = self._board.uart_rx
        return self._gpio.function(receives) == UART_FUNCTION and self._gpio.input_enabled(receives)

    def _write_through_rom(self, address: int, value: int) -> None:
        self._clocks.through_rom = self._cache.through_rom = True
        self.machine.memory.store_word(address, value)
        self._clocks.through_rom = self._cache.through_rom = False

    def _leave_loader_state(self) -> None:
        """Nothing is known of it, so: a UART that interrupts, and neither VTOR nor SP of ours."""
        self._uart.leave_running(LOADER_BAUD)
        machine = self.machine
        machine.scs.leave(machine.scs.ccr, LOADER_VECTOR_TABLE)
        machine.exceptions.enabled.add(FIRST_IRQ + UART0_IRQ)
