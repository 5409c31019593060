"""A Cortex-M4F on Unicorn: memories, the run loop, and everything that stops the CPU.

Unicorn executes instructions. This class decides what happens between them: time and events,
interrupts, sleep, faults, resets. A chip (nrf52840, apollo3) maps memories and peripherals into it.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import unicorn
from unicorn import arm_const

from tinydeploy.errors import DeviceError
from tinydeploy.simulate import exceptions as exc
from tinydeploy.simulate import thumb
from tinydeploy.simulate.code_watch import CodeWatch
from tinydeploy.simulate.debug import CycleCounter
from tinydeploy.simulate.registers import Reg
from tinydeploy.simulate.scs import SystemControlSpace
from tinydeploy.simulate.timeline import Timeline
from tinydeploy.simulate.violations import SimulationError, Violation

NO_END = 0xFFFFFFFF
CALL_RETURN = 0x1F000000  # no memory there: fetching from it ends `call()`
MASKED_POLL_CYCLES = 64  # how soon a change of PRIMASK is seen while something is pending
RAM_SEED = 0x7D
INTERRUPT_SVC, INTERRUPT_EXECUTE_NEVER, INTERRUPT_UNALIGNED, INTERRUPT_BREAKPOINT = 2, 3, 4, 7
INTERRUPT_EXCEPTION_EXIT, INTERRUPT_NO_COPROCESSOR, INTERRUPT_INVALID_STATE = 8, 17, 18
IoRead = Callable[[int, int], int]
IoWrite = Callable[[int, int, int], None]


@dataclass(frozen=True)
class Memory:
    """A memory of the chip; `is_rom` makes stores to it bus faults."""

    origin: int
    size: int
    is_rom: bool = False


class BusError(Exception):
    """Raised by a peripheral to answer an access with a bus error."""


class Machine:
    """CPU, memories and time of a simulated chip.

    Args:
        memories: flash and RAM; RAM is filled with a fixed garbage pattern.
        irq_count: number of interrupts of the chip.
        tick_hz: unit of simulated time; a CPU cycle is `ticks_per_cycle` of them.
        strict: a violation of the chip's rules ends the simulation with SimulationError.
        native: use the compiled block hook; None takes it if Zig can build it.
    """

    def __init__(
        self,
        memories: Sequence[Memory],
        *,
        irq_count: int = 32,
        tick_hz: int = 64_000_000,
        ticks_per_cycle: int = 1,
        strict: bool = True,
        native: bool | None = None,
    ) -> None:
        self.memories = tuple(memories)
        self.strict = strict
        self.violations: list[Violation] = []
        self._io: list[tuple[int, int, IoRead, IoWrite]] = []
        self.on_reset: Callable[[str], None] = lambda reason: None
        self.on_rom_store: Callable[[int, int, int], bool] = lambda address, size, value: False
        self.on_fetch: Callable[[int], bool] = lambda address: False
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
        self._map_memories()
        self._code = CodeWatch(self, self._uc, native)
        self.counter = self._code.counter
        self.time = Timeline(self.counter, tick_hz, ticks_per_cycle)
        self.exceptions = exc.Exceptions(self, irq_count)
        self.scs = SystemControlSpace(self)
        self.dwt = CycleCounter(self)
        self._clear_state()
        self._add_hooks()

    def _map_memories(self) -> None:
        garbage = random.Random(RAM_SEED)
        for memory in self.memories:
            access = unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC
            self._uc.mem_map(
                memory.origin, memory.size, access if memory.is_rom else unicorn.UC_PROT_ALL
            )
            filling = b"\xff" * memory.size if memory.is_rom else garbage.randbytes(memory.size)
            self._uc.mem_write(memory.origin, filling)

    def _clear_state(self) -> None:
        self._failure: DeviceError | None = None
        self._reset_reason = ""
        self._halted = False
        self._asleep: tuple[int, int] | None = None
        self._event_register = False
        self._running = False
        self._interrupt: int | None = None
        self._access: tuple[int, int, int, int] | None = None
        self._bus_error: int | None = None
        self._trap: exc.Cfsr | None = None
        self._returned = False

    def _add_hooks(self) -> None:
        self._uc.hook_add(unicorn.UC_HOOK_INTR, self._on_interrupt)
        self._uc.hook_add(
            unicorn.UC_HOOK_MEM_UNMAPPED | unicorn.UC_HOOK_MEM_PROT, self._on_bad_access
        )

    # What the rest of the simulator sees

    @property
    def cycles(self) -> int:
        """Modelled CPU cycles since power-on, without sleep."""
        return self.counter.cycles

    @property
    def instructions(self) -> int:
        """Instructions executed since power-on."""
        return self.counter.instructions

    def reg(self, register: int) -> int:
        """Value of a CPU register."""
        value: int = self._uc.reg_read(register)
        return value

    def set_reg(self, register: int, value: int) -> None:
        """Set a CPU register other than the PC."""
        self._uc.reg_write(register, value & 0xFFFFFFFF)

    def set_pc(self, address: int) -> None:
        """Continue at `address`, in Thumb state."""
        self._uc.reg_write(Reg.PC, address | 1)

    def read(self, address: int, size: int) -> bytes:
        """Read memory; raises UcError where there is none."""
        return bytes(self._uc.mem_read(address, size))

    def write(self, address: int, data: bytes) -> None:
        """Write memory, flash too, as a debugger or DMA does."""
        self._uc.mem_write(address, data)

    def try_read_words(self, address: int, count: int) -> list[int] | None:
        """Words from memory, None if there is none."""
        try:
            return list(struct.unpack(f"<{count}I", self.read(address, 4 * count)))
        except unicorn.UcError:
            return None

    def try_read_word(self, address: int) -> int | None:
        """A word from memory, None if there is none."""
        words = self.try_read_words(address, 1)
        return words[0] if words else None

    def try_write_words(self, address: int, words: Sequence[int]) -> bool:
        """Store words as the CPU would: False if there is no RAM at all of these addresses."""
        if not self.is_ram(address, 4 * len(words)):
            return False
        self.write(address, struct.pack(f"<{len(words)}I", *words))
        return True

    def is_ram(self, address: int, size: int) -> bool:
        """Whether a range lies in one RAM."""
        return any(
            not m.is_rom and m.origin <= address and address + size <= m.origin + m.size
            for m in self.memories
        )

    def map_io(
        self,
        base: int,
        size: int,
        read: IoRead,
        write: IoWrite,
    ) -> None:
        """Answer accesses to [base, base + size) with functions of (offset, bytes[, value])."""

        def on_read(uc: Any, offset: int, bytes_: int, data: Any) -> int:
            try:
                return read(offset, bytes_)
            except BusError:
                return self._refuse(base + offset)

        def on_write(uc: Any, offset: int, bytes_: int, value: int, data: Any) -> None:
            try:
                write(offset, bytes_, value)
            except BusError:
                self._refuse(base + offset)

        self._io.append((base, size, read, write))
        self._uc.mmio_map(base, size, on_read, None, on_write, None)

    def load_word(self, address: int) -> int:
        """What a load by a ROM helper gives: RAM, flash or a register."""
        for base, size, read, _ in self._io:
            if base <= address < base + size:
                return read(address - base, 4)
        return self.try_read_word(address) or 0

    def store_word(self, address: int, value: int) -> None:
        """What a store by a ROM helper does: RAM or a register."""
        for base, size, _, write in self._io:
            if base <= address < base + size:
                write(address - base, 4, value)
                return
        self.try_write_words(address, [value])

    def _refuse(self, address: int) -> int:
        self._bus_error = address
        self._uc.emu_stop()
        return 0

    def stop_soon(self) -> None:
        """Look at interrupts and requests before the next block."""
        self.counter.deadline = 0

    def request_reset(self, reason: str) -> None:
        """Reset the chip before the next block."""
        self._reset_reason = reason
        self.stop_soon()

    def forget_code(self) -> None:
        """Flash was written: look at all code anew."""
        self._code.flush_soon()
        self.stop_soon()

    def update_checks(self) -> None:
        """CPACR or CCR was written: other instructions fault now."""
        self._code.set_checks(
            fpu_enabled=self.scs.fpu_enabled, divide_by_zero_traps=self.scs.divide_by_zero_traps
        )

    def set_execute_never(self, ranges: list[tuple[int, int]]) -> None:
        """Forbid fetching from RAM that lies in one of these (base, size)."""
        self._code.execute_never = ranges
        self.stop_soon()

    def violate(self, where: str, rule: str, *, warning: bool = False) -> None:
        """Record a broken rule of the chip; in strict mode it ends the simulation."""
        if any(v.where == where and v.rule == rule for v in self.violations):
            return
        pc = self.counter.last_address if self._running else self.reg(Reg.PC)
        self.violations.append(Violation(pc, where, rule, self.cycles, warning))
        if self.strict and not warning:
            self.fail(
                SimulationError(
                    f"the firmware broke a rule of the chip: {self.violations[-1]}",
                    "the board would not do what was meant; strict=False simulates what it does",
                )
            )

    def fail(self, error: DeviceError) -> None:
        """End the simulation with `error`, raised to whoever runs it."""
        if self._failure is None:
            self._failure = error
        if self._running:
            self._uc.emu_stop()

    def lock_up(self, cause: str) -> None:
        """The CPU is in lockup: a fault that its fault handler cannot handle."""
        self.fail(
            SimulationError(
                f"the CPU locked up at pc {self.reg(Reg.PC):#010x}: {cause}",
                "a fault inside the HardFault handler, or an unusable stack or vector table",
            )
        )

    # Reset and start

    def reset_core(self) -> None:
        """Core registers as after a reset; memories, time and peripherals stay."""
        self.exceptions.reset()
        self.scs.reset()
        self.dwt.reset()
        self._clear_state()
        self.set_reg(Reg.XPSR, exc.XPSR_THUMB)
        for register in (Reg.CONTROL, Reg.PRIMASK, Reg.BASEPRI, Reg.FAULTMASK, Reg.FPSCR):
            self.set_reg(register, 0)
        self.set_reg(Reg.LR, 0xFFFFFFFF)
        self.update_checks()
        self.forget_code()

    def halt(self) -> None:
        """Stop the CPU until the next reset: system off, or staying in the bootloader."""
        self._halted = True
        self.stop_soon()

    def start_at(self, stack: int, entry: int) -> None:
        """Let the CPU continue at `entry` with MSP = `stack`."""
        self.set_reg(Reg.MSP, stack & ~3)
        self.set_pc(entry & ~1)

    # Running

    def run(self, until: int, wanted: Callable[[], bool] = lambda: False) -> None:
        """Run until tick `until`, or until `wanted()` after some event or block.

        Raises:
            SimulationError: lockup, or a violation in strict mode.
        """
        while True:
            self.time.run_due()
            if self._failure:
                raise self._failure
            if self._reset_reason:
                reason, self._reset_reason = self._reset_reason, ""
                self.on_reset(reason)
            if wanted() or self.time.now >= until or self._returned:
                return
            self._step(until)

    def _step(self, until: int) -> None:
        """Take an interrupt, or sleep, or execute up to the next deadline."""
        self._code.update()
        next_event = self.time.next_event
        horizon = until if next_event is None else min(until, next_event)
        if self._halted or (self._asleep and not self._wakes_up()):
            self.time.skip_to(horizon)
            return
        self._asleep = None
        self.exceptions.take_pending()
        if self._failure:
            return
        deadline = self.time.cycle_of(horizon)
        if self.exceptions.most_urgent() is not None:
            deadline = min(deadline, self.cycles + MASKED_POLL_CYCLES)
        self._execute(deadline)

    def _wakes_up(self) -> bool:
        if self._asleep == thumb.WFE and self._event_register:
            self._event_register = False
            return True
        return self.exceptions.wakes_up()

    def call(self, address: int, *arguments: int, stack: int | None = None) -> int:
        """Call a function with up to four words; returns r0. Interrupts are served meanwhile."""
        for register, value in zip((Reg.R0, Reg.R1, Reg.R2, Reg.R3), arguments, strict=False):
            self.set_reg(register, value)
        if stack is not None:
            self.set_reg(Reg.SP, stack)
        self.set_reg(Reg.LR, CALL_RETURN | 1)
        self.set_pc(address & ~1)
        self._returned = False
        self.run(until=1 << 61)
        self._returned = False
        return self.reg(Reg.R0)

    def _execute(self, deadline: int) -> None:
        self.counter.arm(deadline)
        error: unicorn.UcError | None = None
        self._running = True
        try:
            self._uc.emu_start(self.reg(Reg.PC) | 1, NO_END)
        except unicorn.UcError as raised:
            error = raised
        finally:
            self._running = False
        self.counter.check()
        self._after_stop(error)

    def _after_stop(self, error: unicorn.UcError | None) -> None:
        """Find out why Unicorn returned, and do what the CPU does then."""
        interrupt, self._interrupt = self._interrupt, None
        refused, self._bus_error = self._bus_error, None
        trap, self._trap = self._trap, None
        if self._failure:
            self._locate_violation()
        elif refused is not None:
            self.exceptions.fault(exc.BUS_FAULT, exc.Cfsr.PRECISERR, refused)
        elif trap is not None:
            self.exceptions.fault(exc.USAGE_FAULT, trap)
        elif interrupt is not None:
            self._handle_interrupt(interrupt)
        elif error is not None:
            self._handle_error(error)
        elif not self.counter.stopped:
            self._sleep_if(thumb.WFI)

    def _locate_violation(self) -> None:
        """In strict mode the CPU stopped at the very instruction: say which."""
        if self.violations and isinstance(self._failure, SimulationError):
            last = self.violations[-1]
            exact = Violation(self.reg(Reg.PC), last.where, last.rule, last.cycle, last.warning)
            self.violations[-1] = exact
            self._failure.message = self._failure.message.replace(str(last), str(exact))
            self._failure.args = (self._failure.message,)

    def _has_executed(self, opcode: tuple[int, int]) -> bool:
        """Whether the instruction before the PC is `opcode`, narrow or wide."""
        narrow, wide = opcode
        before = struct.unpack("<HH", self.read(self.reg(Reg.PC) - 4, 4))
        return before[1] == narrow or before[0] << 16 | before[1] == wide

    def _sleep_if(self, opcode: tuple[int, int]) -> bool:
        """Fall asleep if the instruction just executed is `opcode`."""
        if not self._has_executed(opcode):
            return False
        self._asleep = opcode
        return True

    def signal_event(self) -> None:
        """Set the event register: SEV, or an exception taken or left."""
        self._event_register = True

    def _handle_interrupt(self, number: int) -> None:
        model = self.exceptions
        pc = self.reg(Reg.PC)
        if number == INTERRUPT_SVC:
            model.supervisor_call()
        elif number == INTERRUPT_EXCEPTION_EXIT and self.reg(Reg.XPSR) & 0x1FF:
            self.signal_event()
            model.leave(pc | 1)
        elif number in (INTERRUPT_EXCEPTION_EXIT, INTERRUPT_EXECUTE_NEVER):
            model.fault(exc.MEM_MANAGE, exc.Cfsr.IACCVIOL)
        elif number == INTERRUPT_BREAKPOINT:
            model.hard_fault(exc.Hfsr.DEBUGEVT)
        elif number == INTERRUPT_UNALIGNED:
            model.fault(exc.USAGE_FAULT, exc.Cfsr.UNALIGNED)
        elif number == INTERRUPT_NO_COPROCESSOR:
            model.fault(exc.USAGE_FAULT, exc.Cfsr.NOCP)
        elif number == INTERRUPT_INVALID_STATE:
            model.fault(exc.USAGE_FAULT, exc.Cfsr.INVSTATE)
        else:
            model.fault(exc.USAGE_FAULT, exc.Cfsr.UNDEFINSTR)

    def _handle_error(self, error: unicorn.UcError) -> None:
        access, self._access = self._access, None
        pc = self.reg(Reg.PC)
        model = self.exceptions
        if error.errno == unicorn.UC_ERR_INSN_INVALID:
            self._handle_invalid(pc)
        elif error.errno == unicorn.UC_ERR_FETCH_PROT:
            model.fault(exc.MEM_MANAGE, exc.Cfsr.IACCVIOL)
        elif error.errno == unicorn.UC_ERR_FETCH_UNMAPPED:
            self._fetch_failed(pc)
        elif access is not None:
            model.fault(exc.BUS_FAULT, exc.Cfsr.PRECISERR, access[1])
        else:
            self.fail(SimulationError(f"Unicorn stopped at {pc:#010x}: {error}"))

    def _fetch_failed(self, pc: int) -> None:
        if pc & ~1 == CALL_RETURN:
            self._returned = True
        elif self.on_fetch(pc & ~1):
            pass
        else:
            self.exceptions.fault(exc.BUS_FAULT, exc.Cfsr.IBUSERR)

    def _handle_invalid(self, pc: int) -> None:
        """Unicorn calls invalid: undefined instructions, ARM state, and after them WFE and YIELD."""
        if not self.reg(Reg.XPSR) & exc.XPSR_THUMB:
            self.exceptions.fault(exc.USAGE_FAULT, exc.Cfsr.INVSTATE)
            return
        at_block_end = pc == self.counter.last_address + self.counter.last_size
        if at_block_end and (self._sleep_if(thumb.WFE) or self._has_executed(thumb.YIELD)):
            return
        self.exceptions.fault(exc.USAGE_FAULT, exc.Cfsr.UNDEFINSTR)

    # Called by Unicorn while it runs

    def _on_interrupt(self, uc: Any, number: int, data: Any) -> None:
        self._interrupt = number
        uc.emu_stop()

    def _on_bad_access(
        self, uc: Any, access: int, address: int, size: int, value: int, data: Any
    ) -> bool:
        self._access = (access, address, size, value)
        return False

    def trap(self, status: exc.Cfsr) -> None:
        """Stop before the present instruction and raise a UsageFault."""
        self._trap = status
        self._uc.emu_stop()
