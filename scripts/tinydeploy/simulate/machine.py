"""A Cortex-M4F on Unicorn: time, interrupts, sleep and resets around the instructions.

Unicorn executes instructions. This class decides what happens between them. A chip (nrf52840,
apollo3) maps its memories and peripherals into it.
"""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Sequence

import unicorn
from unicorn import arm_const

from tinydeploy import interrupts
from tinydeploy.errors import DeviceError
from tinydeploy.simulate import exceptions as exc
from tinydeploy.simulate import thumb
from tinydeploy.simulate.code_watch import CodeWatch
from tinydeploy.simulate.debug import CycleCounter
from tinydeploy.simulate.flash_operations import FlashOperations
from tinydeploy.simulate.flash_timing import FlashTiming
from tinydeploy.simulate.memory_map import Memory, MemoryMap
from tinydeploy.simulate.register_access import RegisterFile, RegisterGroup
from tinydeploy.simulate.registers import Reg
from tinydeploy.simulate.scs import SystemControlSpace
from tinydeploy.simulate.stacking import CORE_FRAME, FPU_FRAME, HANDLER_STATE, XPSR_THUMB
from tinydeploy.simulate.stops import CALL_RETURN, Stops
from tinydeploy.simulate.timeline import Timeline
from tinydeploy.simulate.violations import SimulationError, Violation

__all__ = ["Machine", "Memory"]

NO_END = 0xFFFFFFFF
FOREVER = 1 << 61
LONGEST_RUN_CYCLES = 1 << 24  # a fraction of a second, then Python hears signals
MASKED_POLL_CYCLES = 64  # how soon a change of PRIMASK is seen while something is pending
CLEARED_AT_RESET = (Reg.CONTROL, Reg.PRIMASK, Reg.BASEPRI, Reg.FAULTMASK, Reg.FPSCR)
MASKS = (Reg.PRIMASK, Reg.BASEPRI, Reg.FAULTMASK)
ARGUMENTS = (Reg.R0, Reg.R1, Reg.R2, Reg.R3)


class Machine:
    """CPU, memories and time of a simulated chip.

    Args:
        memories: flash and RAM; RAM is filled with a fixed garbage pattern.
        irq_count: number of interrupts of the chip.
        tick_hz: unit of simulated time; a CPU cycle is `ticks_per_cycle` of them.
        strict: a violation of the chip's rules ends the simulation with SimulationError.
        native: use the compiled hooks; None takes them if Zig can build them.
        flash_timing: wait states to add to the model; None for zero wait states.

    Attributes:
        memory, time, exceptions, scs, counter: the parts, see their classes.
        core_frame, fpu_frame: what an exception stacks; handler_state: what it sets.
        masks: PRIMASK, BASEPRI, FAULTMASK.
        flash: what changes flash at run time; the chip's controller calls it.
        violations: broken rules so far.
        on_reset: called with the reason when the firmware asks for a reset.
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
        flash_timing: FlashTiming | None = None,
    ) -> None:
        interrupts.install()  # Unicorn calls back: Ctrl-C must not be raised in there
        self._stop = self.stop_soon
        self.strict = strict
        self.violations: list[Violation] = []
        self.on_reset: Callable[[str], None] = lambda reason: None
        self._uc = unicorn.Uc(unicorn.UC_ARCH_ARM, unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS)
        self._uc.ctl_set_cpu_model(arm_const.UC_CPU_ARM_CORTEX_M4)
        self._registers = RegisterFile(self._uc)
        self.core_frame = RegisterGroup(self._uc, CORE_FRAME)
        self.fpu_frame = RegisterGroup(self._uc, FPU_FRAME)
        self.handler_state = RegisterGroup(self._uc, HANDLER_STATE)
        self.masks = RegisterGroup(self._uc, MASKS)
        self.stops = Stops(self, self._uc)
        self.memory = MemoryMap(self._uc, memories, self.stops.refuse, self.stops.deny)
        self.flash = FlashOperations(self)
        self._code = CodeWatch(self, self._uc, native, flash_timing)
        self.counter = self._code.counter
        self.time = Timeline(self.counter, tick_hz, ticks_per_cycle)
        self.exceptions = exc.Exceptions(self, irq_count)
        self.scs = SystemControlSpace(self)
        self.dwt = CycleCounter(self)
        self._clear_state()
        self.update_checks()
        _ALIVE.note(self)

    def close(self) -> None:
        """Give the emulator's memory back now: Python's garbage collector does not see it, and
        would let hundreds pile up. What was counted stays; the rest is gone.
        """
        if not self.memory.is_closed:
            self.memory.close()
            self.counter.close()
            for registers in (self._registers, self.core_frame, self.fpu_frame):
                registers.close()
            self.handler_state.close()
            self.masks.close()
            self._uc._Uc__finalizer()

    def _clear_state(self) -> None:
        self._failure: DeviceError | None = None
        self._reset_reason = ""
        self._asleep: tuple[int, int] | None = None
        self._event_register = False
        self._halted = False
        self._running = False
        self._returned = False

    # State

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
        return self._registers.read(register)

    def set_reg(self, register: int, value: int) -> None:
        """Set a CPU register other than the PC."""
        self._registers.write(register, value & 0xFFFFFFFF)

    def set_pc(self, address: int) -> None:
        """Continue at `address`, in Thumb state."""
        self._registers.write(Reg.PC, address | 1)

    def read(self, address: int, size: int) -> bytes:
        """Bytes of flash or RAM."""
        return self.memory.read(address, size)

    def write(self, address: int, data: bytes) -> None:
        """Write memory, flash and code too, as a debugger does."""
        self.memory.write(address, data)
        if self._code.is_code(address, len(data)):
            self.forget_code()

    # Requests of the parts, mostly while the CPU runs

    def stop_soon(self) -> None:
        """Look at interrupts and requests before the next block."""
        self.counter.deadline = 0

    def request_reset(self, reason: str) -> None:
        """Reset the chip before the next block."""
        self._reset_reason = reason
        self.stop_soon()

    def forget_code(self) -> None:
        """Flash was written: look at all code again."""
        self._code.flush_soon()
        self.stop_soon()

    def update_checks(self) -> None:
        """CPACR or CCR was written: other instructions fault now."""
        self._code.set_checks(
            fpu_enabled=self.scs.fpu_enabled, divide_by_zero_traps=self.scs.divide_by_zero_traps
        )

    def protect(self) -> None:
        """The MPU allows something else now."""
        self._code.is_protection_stale = True
        self.stop_soon()

    def sleep(self, opcode: tuple[int, int]) -> None:
        """WFI or WFE was executed."""
        self._asleep = opcode

    def signal_event(self) -> None:
        """Set the event register that WFE looks at: SEV, or an exception taken or left."""
        self._event_register = True

    def return_from_call(self) -> None:
        """The function that `call()` called has returned."""
        self._returned = True

    def halt(self) -> None:
        """Stop the CPU until the next reset: system off, or staying in the bootloader."""
        self._halted = True
        self.stop_soon()

    # Breaches

    def violate(self, where: str, rule: str, *, warning: bool = False) -> None:
        """Record a broken rule of the chip; in strict mode it ends the simulation."""
        if any(v.where == where and v.rule == rule for v in self.violations):
            return
        pc = self.counter.last_address if self._running else self.reg(Reg.PC)
        self.violations.append(Violation(pc, where, rule, self.cycles, warning))
        if self.strict and not warning:
            self.fail(violation_error(self.violations[-1]))

    def fail(self, error: DeviceError) -> None:
        """End the simulation with `error`, raised to the caller of `run`."""
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

    def _locate_violation(self) -> None:
        """In strict mode the CPU stopped at the very instruction: say which."""
        last = self.violations[-1] if self.violations else None
        if self._failure and last and self._failure.message == violation_error(last).message:
            exact = Violation(self.reg(Reg.PC), last.where, last.rule, last.cycle, last.warning)
            self.violations[-1] = exact
            self._failure = violation_error(exact)

    # Reset and start

    def reset_core(self) -> None:
        """Core registers as after a reset; memories, time and peripherals stay."""
        self.exceptions.reset()
        self.scs.reset()
        self.protect()
        self.dwt.reset()
        self._clear_state()
        self.set_reg(Reg.XPSR, XPSR_THUMB)
        for register in CLEARED_AT_RESET:
            self.set_reg(register, 0)
        self.set_reg(Reg.LR, 0xFFFFFFFF)
        self.update_checks()
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
            KeyboardInterrupt: between two steps only, so that the machine can go on.
        """
        if self.memory.is_closed:
            raise SimulationError("the simulation is closed")
        before, interrupts.state.stop = interrupts.state.stop, self._stop
        try:
            self._run(until, wanted)
        finally:
            interrupts.state.stop = before

    def _run(self, until: int, wanted: Callable[[], bool]) -> None:
        while True:
            self.time.run_due()
            if self._failure:
                raise self._failure
            if self._reset_reason:
                reason, self._reset_reason = self._reset_reason, ""
                self.on_reset(reason)
            if self._returned or wanted() or self.time.now >= until:
                return
            interrupts.check()
            self._step(until)

    def call(self, address: int, *arguments: int, stack: int | None = None) -> int:
        """Call a function with up to four words; returns r0. Interrupts are served meanwhile."""
        for register, value in zip(ARGUMENTS, arguments, strict=False):
            self.set_reg(register, value)
        if stack is not None:
            self.set_reg(Reg.SP, stack)
        self.set_reg(Reg.LR, CALL_RETURN | 1)
        self.set_pc(address & ~1)
        self.run(FOREVER)
        self._returned = False
        return self.reg(Reg.R0)

    def _step(self, until: int) -> None:
        """Sleep on, or take an interrupt and execute up to the next deadline."""
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

    def _execute(self, deadline: int) -> None:
        error: unicorn.UcError | None = None
        self._code.update()
        self.counter.arm(min(deadline, self.cycles + LONGEST_RUN_CYCLES))
        self._running = True
        try:
            self._uc.emu_start(self.reg(Reg.PC) | 1, NO_END)
        except unicorn.UcError as raised:
            error = raised
        finally:
            self._running = False
        self.counter.check()
        if self._failure:
            self._locate_violation()
        else:
            self.stops.handle(error, by_counter=bool(self.counter.stopped))


class _Alive:
    """Machines that were not closed: they are in reference cycles, and each takes megabytes that
    the garbage collector does not count.
    """

    def __init__(self) -> None:
        self._machines: weakref.WeakSet[Machine] = weakref.WeakSet()
        self._most = _MACHINES_BETWEEN

    def note(self, machine: Machine) -> None:
        """Collect garbage when there are many more than those that are in use."""
        self._machines.add(machine)
        if len(self._machines) > self._most:
            gc.collect()
            self._most = len(self._machines) + _MACHINES_BETWEEN


_MACHINES_BETWEEN = 8
_ALIVE = _Alive()


def violation_error(violation: Violation) -> SimulationError:
    """The error that a violation is in strict mode."""
    return SimulationError(
        f"the firmware broke a rule of the chip: {violation}",
        "the board would not do what was meant; strict=False simulates what it does instead",
    )
