"""Exceptions of ARMv7-M: priorities, entry, return and the escalation of faults.

Unicorn has the instructions of a Cortex-M4 but no interrupt controller and no stacking; both are
here, by the pseudo-code of the ARMv7-M manual. Nothing here touches a memory-mapped register:
scs.py maps this model onto the bus.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydeploy.simulate import stacking
from tinydeploy.simulate.fault_status import Cfsr, Hfsr
from tinydeploy.simulate.registers import Reg
from tinydeploy.simulate.stacking import XPSR_EXCEPTION, XPSR_THUMB

if TYPE_CHECKING:
    from tinydeploy.simulate.machine import Machine

NMI, HARD_FAULT, MEM_MANAGE, BUS_FAULT, USAGE_FAULT = 2, 3, 4, 5, 6
SV_CALL, DEBUG_MONITOR, PEND_SV, SYS_TICK, FIRST_IRQ = 11, 12, 14, 15, 16
LOWEST_PRIORITY = 256
PRIORITY_BITS = 0xE0  # both chips implement three
XPSR_FLAGS = 0xF80F0000


class Exceptions:
    """Pending, active and enabled exceptions, and the way in and out of them."""

    def __init__(self, machine: Machine, irq_count: int) -> None:
        self._machine = machine
        self.irq_count = irq_count
        self.reset()

    def reset(self) -> None:
        """State after a reset of the core."""
        self.pending: set[int] = set()
        self.active: set[int] = set()
        self.enabled: set[int] = {NMI, HARD_FAULT, SV_CALL, PEND_SV, SYS_TICK}
        self.lines: set[int] = set()
        self.priorities: dict[int, int] = {}
        self.priority_group = 0
        self.vector_table = 0
        self.cfsr = 0
        self.hfsr = 0
        self.mmfar = 0
        self.bfar = 0

    # Requests

    def pend(self, number: int) -> None:
        """Make an exception pending; it is taken before the next block if its priority allows."""
        self.pending.add(number)
        self._machine.stop_soon()

    def set_line(self, irq: int, level: bool) -> None:
        """Interrupt request line of a peripheral: its rising edge makes the interrupt pending."""
        number = FIRST_IRQ + irq
        if level and number not in self.lines:
            self.lines.add(number)
            self.pend(number)
        elif not level:
            self.lines.discard(number)

    # Priorities

    def priority(self, number: int) -> int:
        """Priority of an exception; lower is more urgent."""
        if number in (NMI, HARD_FAULT):
            return -2 if number == NMI else -1
        return self.priorities.get(number, 0)

    def group_priority(self, number: int) -> int:
        """Priority without its sub-priority bits: what decides about preemption."""
        priority = self.priority(number)
        return priority if priority < 0 else self._group(priority)

    def execution_priority(self, *, ignore_primask: bool = False) -> int:
        """Priority that a new exception must beat."""
        primask, basepri, faultmask = self._machine.masks.read()
        current = LOWEST_PRIORITY
        for number in self.active:
            current = min(current, self.group_priority(number))
        if basepri & PRIORITY_BITS:
            current = min(current, self._group(basepri & PRIORITY_BITS))
        if primask and not ignore_primask:
            current = min(current, 0)
        if faultmask:
            current = min(current, -1)
        return current

    def most_urgent(self) -> int | None:
        """The enabled pending exception that comes first, masked or not."""
        if not self.pending:
            return None
        ready = self.pending & self.enabled
        return min(ready, key=lambda n: (self.priority(n), n), default=None)

    def wakes_up(self) -> bool:
        """Whether something pending ends WFI: PRIMASK does not prevent that."""
        number = self.most_urgent()
        return number is not None and self.group_priority(number) < self.execution_priority(
            ignore_primask=True
        )

    def take_pending(self) -> None:
        """Enter the most urgent pending exception if it beats what is running."""
        number = self.most_urgent()
        if number is None or self.group_priority(number) >= self.execution_priority():
            return
        self.pending.discard(number)
        self.enter(number)

    def _group(self, priority: int) -> int:
        shift = self.priority_group + 1
        return priority >> shift << shift

    # Faults

    def fault(self, number: int, status: Cfsr, address: int | None = None) -> None:
        """Raise a fault at the present PC, a HardFault where its own handler can't run.

        Args:
            number: MEM_MANAGE, BUS_FAULT or USAGE_FAULT.
            address: the address that was accessed, for the fault address register.
        """
        self._record(status, address)
        can_run = number in self.enabled and (
            self.group_priority(number) < self.execution_priority()
        )
        self._enter_fault(number if can_run else HARD_FAULT, forced=not can_run)

    def hard_fault(self, status: Hfsr) -> None:
        """Raise a HardFault of its own: a breakpoint without debugger, a bad vector."""
        self.hfsr |= status
        self._enter_fault(HARD_FAULT, forced=False)

    def supervisor_call(self) -> None:
        """SVC: taken at once, a HardFault where its priority does not allow it."""
        if self.group_priority(SV_CALL) < self.execution_priority():
            self.enter(SV_CALL)
        else:
            self._enter_fault(HARD_FAULT, forced=True)

    def _record(self, status: Cfsr, address: int | None) -> None:
        self.cfsr |= status
        if address is None:
            return
        if status & Cfsr.DACCVIOL:
            self.mmfar, self.cfsr = address, self.cfsr | Cfsr.MMARVALID
        elif status & Cfsr.PRECISERR:
            self.bfar, self.cfsr = address, self.cfsr | Cfsr.BFARVALID

    def _enter_fault(self, number: int, *, forced: bool) -> None:
        if forced:
            self.hfsr |= Hfsr.FORCED
        if number == HARD_FAULT and self.execution_priority() <= -1:
            self._machine.lock_up(self.describe_faults())
            return
        self.enter(number)

    def describe_faults(self) -> str:
        """The fault status registers in words."""
        cfsr = Cfsr(self.cfsr)
        names = [str(flag.name) for flag in Cfsr if flag in cfsr]
        names += [str(flag.name) for flag in Hfsr if self.hfsr & flag]
        where = f" at {self.bfar:#010x}" if self.cfsr & Cfsr.BFARVALID else ""
        where += f" at {self.mmfar:#010x}" if self.cfsr & Cfsr.MMARVALID else ""
        return (", ".join(names) or "no status bit") + where

    # Entry and return

    def enter(self, number: int) -> None:
        """Stack the context of what is running and start the handler of `number`."""
        machine = self._machine
        xpsr, control = machine.reg(Reg.XPSR), machine.reg(Reg.CONTROL)
        return_value = stacking.exc_return(xpsr, control)
        failed = stacking.push(machine, xpsr, extended=bool(control & stacking.CONTROL_FPCA))
        handler = self._derive(number, failed) if failed else number
        xpsr = xpsr & XPSR_FLAGS | XPSR_THUMB | number
        machine.handler_state.write((control & stacking.CONTROL_NPRIV, xpsr, return_value))
        self._start_handler(handler, number)

    def _derive(self, number: int, failed: Cfsr) -> int:
        """The frame could not be written: which exception takes over from `number`."""
        self.cfsr |= failed
        fault = MEM_MANAGE if failed & Cfsr.MSTKERR else BUS_FAULT
        if number >= SV_CALL:
            self.pending.add(number)
        preempted = self.execution_priority()
        can_run = fault in self.enabled and self.group_priority(fault) < preempted
        if can_run and number != HARD_FAULT:
            return fault
        self.hfsr |= Hfsr.FORCED
        return HARD_FAULT

    def _start_handler(self, number: int, stacked_as: int) -> None:
        """Run the handler of `number`; xPSR names `stacked_as`."""
        machine = self._machine
        vector = machine.memory.try_read_word(self.vector_table + 4 * number)
        self.active.add(number)
        self._note_urgency(number)
        if number != stacked_as:
            machine.set_reg(Reg.XPSR, machine.reg(Reg.XPSR) & ~XPSR_EXCEPTION | number)
        if vector is not None:
            machine.set_pc(vector & ~1)
            if not vector & 1:
                self.fault(USAGE_FAULT, Cfsr.INVSTATE)
        elif number == HARD_FAULT:
            machine.lock_up(f"the HardFault vector cannot be read: {self.describe_faults()}")
        else:
            self.active.discard(number)
            self.hfsr |= Hfsr.VECTTBL
            self._start_handler(HARD_FAULT, number)

    def leave(self, return_value: int) -> None:
        """Exception return: what a branch to an EXC_RETURN value does in handler mode."""
        machine = self._machine
        number = machine.reg(Reg.XPSR) & XPSR_EXCEPTION
        valid = self._is_valid_return(return_value, number)
        self.active.discard(number)
        self._note_urgency(number)
        if not valid:
            machine.set_pc(return_value & ~1)
            self.fault(USAGE_FAULT, Cfsr.INVPC)
            return
        if number in self.lines:
            self.pending.add(number)
        if number != NMI:
            machine.set_reg(Reg.FAULTMASK, 0)
        xpsr = stacking.pop(machine, return_value)
        if isinstance(xpsr, Cfsr):
            self.fault(MEM_MANAGE if xpsr & Cfsr.MUNSTKERR else BUS_FAULT, xpsr)
        elif not xpsr & XPSR_THUMB:
            self.fault(USAGE_FAULT, Cfsr.INVSTATE)

    def _note_urgency(self, number: int) -> None:
        """The MPU may not look at what runs with a priority below 0."""
        if number in (NMI, HARD_FAULT):
            self._machine.scs.mpu.refresh()

    def _is_valid_return(self, return_value: int, number: int) -> bool:
        variants = stacking.EXC_RETURN_BASIC | stacking.EXC_RETURN_THREAD | stacking.EXC_RETURN_PSP
        if number not in self.active or return_value & ~variants != stacking.EXC_RETURN:
            return False
        if return_value & stacking.EXC_RETURN_THREAD:
            return self.active == {number}
        return not return_value & stacking.EXC_RETURN_PSP and len(self.active) > 1
