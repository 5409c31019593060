"""Why Unicorn stopped, and what the CPU does then: exceptions, faults, sleep."""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import unicorn

from tinydeploy.simulate import exceptions as exc
from tinydeploy.simulate import thumb
from tinydeploy.simulate.access import Access
from tinydeploy.simulate.fault_status import Cfsr, Hfsr
from tinydeploy.simulate.registers import Reg
from tinydeploy.simulate.stacking import XPSR_EXCEPTION, XPSR_THUMB
from tinydeploy.simulate.violations import SimulationError

if TYPE_CHECKING:
    from tinydeploy.simulate.machine import Machine

CALL_RETURN = 0x1F000000  # no memory there: fetching from it ends `Machine.call()`

# Numbers that Unicorn's interrupt hook gives (QEMU's EXCP_*).
SVC, EXECUTE_NEVER, UNALIGNED, BREAKPOINT, EXCEPTION_EXIT = 2, 3, 4, 7, 8
NO_COPROCESSOR, INVALID_STATE = 17, 18
FETCHES = (unicorn.UC_MEM_FETCH_PROT, unicorn.UC_MEM_FETCH_UNMAPPED)
STORES = (unicorn.UC_MEM_WRITE_PROT, unicorn.UC_MEM_WRITE_UNMAPPED)
PROTECTED = (unicorn.UC_MEM_WRITE_PROT, unicorn.UC_MEM_READ_PROT)
FAULT_OF_INTERRUPT = {
    EXECUTE_NEVER: (exc.MEM_MANAGE, Cfsr.IACCVIOL),
    UNALIGNED: (exc.USAGE_FAULT, Cfsr.UNALIGNED),
    NO_COPROCESSOR: (exc.USAGE_FAULT, Cfsr.NOCP),
    INVALID_STATE: (exc.USAGE_FAULT, Cfsr.INVSTATE),
}


class Stops:
    """Notes in Unicorn's hooks what happened; `handle()` acts on it once Unicorn has returned.

    Attributes:
        on_rom_store: asked whether a store to flash (address, size, value) was carried out.
        on_fetch: asked whether a call to an address without memory was carried out.
    """

    def __init__(self, machine: Machine, uc: Any) -> None:
        self.on_rom_store: Callable[[int, int, int], bool] = lambda address, size, value: False
        self.on_fetch: Callable[[int], bool] = lambda address: False
        self._machine = machine
        self._uc = uc
        self._interrupt: int | None = None
        self._accessed: int | None = None
        self._is_denied = False
        self._fault: tuple[int, Cfsr, int | None] | None = None
        uc.hook_add(unicorn.UC_HOOK_INTR, self._on_interrupt)
        uc.hook_add(unicorn.UC_HOOK_MEM_UNMAPPED | unicorn.UC_HOOK_MEM_PROT, self._on_bad_access)

    # Called while Unicorn runs

    def fault(self, number: int, status: Cfsr, address: int | None = None) -> None:
        """Stop before the present instruction and raise a fault."""
        self._fault = (number, status, address)
        self._uc.emu_stop()

    def refuse(self, address: int) -> None:
        """A peripheral answered with a bus error."""
        self.fault(exc.BUS_FAULT, Cfsr.PRECISERR, address)

    def deny(self, address: int) -> None:
        """The MPU does not allow a data access."""
        self.fault(exc.MEM_MANAGE, Cfsr.DACCVIOL, address)

    def _on_interrupt(self, uc: Any, number: int, data: Any) -> None:
        self._interrupt = number
        uc.emu_stop()

    def _on_bad_access(
        self, uc: Any, access: int, address: int, size: int, value: int, data: Any
    ) -> bool:
        """True lets the CPU go on: then a flash controller has carried the store out."""
        self._accessed = address
        if access in FETCHES:
            return False
        is_store = access in STORES
        wanted = Access.WRITE if is_store else Access.READ
        self._is_denied = not self._machine.scs.mpu.allows(address, size, wanted)
        if self._is_denied or access not in PROTECTED:
            return False
        return self._pass(address, size, value, is_store=is_store)

    def _pass(self, address: int, size: int, value: int, *, is_store: bool) -> bool:
        """An access that only Unicorn's pages stand against: to flash, or beside what is denied."""
        if not is_store:
            return True
        if not self._machine.memory.is_ram(address, size):
            return self.on_rom_store(address, size, value & 0xFFFFFFFF)
        self._machine.write(address, (value & (1 << 8 * size) - 1).to_bytes(size, "little"))
        return True

    # Called after Unicorn has returned

    def handle(self, error: unicorn.UcError | None, *, by_counter: bool) -> None:
        """Do what the CPU does after the stop; `by_counter` if it was a deadline."""
        fault, self._fault = self._fault, None
        interrupt, self._interrupt = self._interrupt, None
        if fault is not None:
            self._machine.exceptions.fault(*fault)
        elif interrupt is not None:
            self._handle_interrupt(interrupt)
        elif error is not None:
            self._handle_error(error)
        elif not by_counter:
            self._sleep_after(thumb.WFI)

    def _handle_interrupt(self, number: int) -> None:
        model = self._machine.exceptions
        if number == SVC:
            model.supervisor_call()
        elif number == BREAKPOINT:
            model.hard_fault(Hfsr.DEBUGEVT)
        elif number == EXCEPTION_EXIT and self._machine.reg(Reg.XPSR) & XPSR_EXCEPTION:
            self._machine.signal_event()
            model.leave(self._machine.reg(Reg.PC) | 1)
        elif number == EXCEPTION_EXIT:
            model.fault(exc.MEM_MANAGE, Cfsr.IACCVIOL)
        else:
            model.fault(*FAULT_OF_INTERRUPT.get(number, (exc.USAGE_FAULT, Cfsr.UNDEFINSTR)))

    def _handle_error(self, error: unicorn.UcError) -> None:
        accessed, self._accessed = self._accessed, None
        denied, self._is_denied = self._is_denied, False
        pc = self._machine.reg(Reg.PC)
        model = self._machine.exceptions
        if error.errno == unicorn.UC_ERR_INSN_INVALID:
            self._handle_invalid(pc)
        elif error.errno == unicorn.UC_ERR_FETCH_PROT:
            model.fault(exc.MEM_MANAGE, Cfsr.IACCVIOL)
        elif error.errno == unicorn.UC_ERR_FETCH_UNMAPPED:
            if pc & ~1 == CALL_RETURN:
                self._machine.return_from_call()
            elif not self._machine.scs.mpu.allows(pc & ~1, 2, Access.EXECUTE):
                model.fault(exc.MEM_MANAGE, Cfsr.IACCVIOL)
            elif not self.on_fetch(pc & ~1):
                model.fault(exc.BUS_FAULT, Cfsr.IBUSERR)
        elif accessed is not None and denied:
            model.fault(exc.MEM_MANAGE, Cfsr.DACCVIOL, accessed)
        elif accessed is not None:
            model.fault(exc.BUS_FAULT, Cfsr.PRECISERR, accessed)
        else:
            self._machine.fail(SimulationError(f"Unicorn stopped at {pc:#010x}: {error}"))

    def _handle_invalid(self, pc: int) -> None:
        """What Unicorn calls invalid: undefined instructions, ARM state, and WFE and YIELD."""
        if not self._machine.reg(Reg.XPSR) & XPSR_THUMB:
            self._machine.exceptions.fault(exc.USAGE_FAULT, Cfsr.INVSTATE)
            return
        counter = self._machine.counter
        at_block_end = pc == counter.last_address + counter.last_size
        if at_block_end and (self._sleep_after(thumb.WFE) or self._was(thumb.YIELD)):
            return
        self._machine.exceptions.fault(exc.USAGE_FAULT, Cfsr.UNDEFINSTR)

    def _sleep_after(self, opcode: tuple[int, int]) -> bool:
        """Fall asleep if the instruction just executed is `opcode`."""
        if not self._was(opcode):
            return False
        self._machine.sleep(opcode)
        return True

    def _was(self, opcode: tuple[int, int]) -> bool:
        """Whether the instruction before the PC is `opcode`, narrow or wide."""
        narrow, wide = opcode
        code = self._machine.read(self._machine.reg(Reg.PC) - 4, 4)
        first, second = struct.unpack("<HH", code)
        return bool(second == narrow or first << 16 | second == wide)
