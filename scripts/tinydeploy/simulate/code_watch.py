"""Keeps what is known of the code in step with the code: block costs, checks, permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import unicorn

from tinydeploy.simulate.access import Access, Run
from tinydeploy.simulate.cycles import Block, Check, analyse
from tinydeploy.simulate.exceptions import USAGE_FAULT
from tinydeploy.simulate.fault_status import Cfsr
from tinydeploy.simulate.flash_timing import FlashTiming
from tinydeploy.simulate.native import make_counter
from tinydeploy.simulate.registers import Reg

if TYPE_CHECKING:
    from tinydeploy.simulate.machine import Machine

PAGE_BYTES = 1024  # Unicorn's
_AFTER_BYTES = 4  # of an instruction at most
FAULTS = {Check.FPU: Cfsr.NOCP, Check.DIVIDE: Cfsr.DIVBYZERO, Check.ALIGN: Cfsr.UNALIGNED}


class CodeWatch:
    """Owns the cycle counter, and answers what it asks of the code and of the CPU's state."""

    def __init__(
        self, machine: Machine, uc: Any, native: bool | None, timing: FlashTiming | None
    ) -> None:
        self.is_protection_stale = False  # what the MPU allows has changed
        self.counter = make_counter(uc, self._find_block, self._fail_check, native, timing)
        self._applied: list[list[Run]] | None = None
        self._memories = machine.memory.memories
        self._machine = machine
        self._uc = uc
        self._flush = False
        self._pages: set[int] = set()  # that hold executed code
        self._rams = [(m.origin, m.end) for m in machine.memory.memories if not m.is_rom]
        self.counter.attach()
        uc.hook_add(unicorn.UC_HOOK_EDGE_GENERATED, self._on_new_translation)

    def is_code(self, address: int, size: int) -> bool:
        """Whether code that was executed may lie in a range."""
        pages = range(address // PAGE_BYTES, (address + size - 1) // PAGE_BYTES + 1)
        return any(page in self._pages for page in pages)

    def flush_soon(self) -> None:
        """Code was written by something else than the CPU: look at it again at the next update."""
        self._flush = True

    def update(self) -> None:
        """Carry out what cannot be done while Unicorn runs."""
        if self._flush:
            self._flush = False
            self._pages.clear()
            self.counter.forget()
            self._uc.ctl_flush_tb()
        if self.is_protection_stale:
            self._protect()

    def set_checks(self, *, fpu_enabled: bool, divide_by_zero_traps: bool) -> None:
        """Which instructions fault depends on CPACR and CCR; alignment is always checked."""
        checks = Check.EVENT | Check.ALIGN
        checks |= Check.NONE if fpu_enabled else Check.FPU
        checks |= Check.DIVIDE if divide_by_zero_traps else Check.NONE
        self.counter.checks = int(checks)

    def _find_block(self, address: int, size: int) -> Block:
        xpsr = self._machine.reg(Reg.XPSR)
        self._pages.update((address // PAGE_BYTES, (address + size - 1) // PAGE_BYTES))
        it_state = xpsr >> 8 & 0xFC | xpsr >> 25 & 3
        end = address + size
        goes_on = any(m.origin <= address and end + _AFTER_BYTES <= m.end for m in self._memories)
        code = self._machine.read(address, size + _AFTER_BYTES * goes_on)
        return analyse(code[:size], address, it_state, code[size:])

    def _fail_check(self, failed: Check) -> None:
        if failed & Check.EVENT:
            self._machine.signal_event()
        for check, status in FAULTS.items():
            if failed & check:
                self._machine.stops.fault(USAGE_FAULT, status)
                return

    def _protect(self) -> None:
        self.is_protection_stale = False
        mpu = self._machine.scs.mpu
        self._machine.memory.deny_io(mpu.runs)
        wanted = [list(mpu.runs(m.origin, m.end)) for m in self._memories]
        if wanted == self._applied:
            return
        self._applied = wanted
        for memory, runs in zip(self._memories, wanted, strict=True):
            for start, end, access in paged(runs):
                self._uc.mem_protect(start, end - start, _unicorn_access(access, memory.is_rom))

    def _on_new_translation(self, uc: Any, now: Any, before: Any, data: Any) -> None:
        """Code in RAM that is translated again was written to: its cost may have changed."""
        if any(start <= now.pc < end for start, end in self._rams):
            self.counter.forget(now.pc, now.pc + now.size)


def paged(runs: list[Run]) -> list[Run]:
    """The runs in whole pages: one that several share may only do what all of them may. What it may
    do elsewhere in it, `Stops` lets pass one access at a time.
    """
    pages: list[Run] = []
    for start, end, access in runs:
        first, last = start // PAGE_BYTES * PAGE_BYTES, -(-end // PAGE_BYTES) * PAGE_BYTES
        if pages and first < pages[-1][1]:
            before, _, shared = pages.pop()
            edge = first + PAGE_BYTES
            if before < first:
                pages.append((before, first, shared))
            pages.append((first, edge, shared & access))
            first = edge
        if first < last:
            pages.append((first, last, access))
    return pages


def _unicorn_access(access: Access, is_rom: bool) -> int:
    """Stores to ROM are the flash controller's business."""
    bits = {
        Access.READ: unicorn.UC_PROT_READ,
        Access.WRITE: unicorn.UC_PROT_NONE if is_rom else unicorn.UC_PROT_WRITE,
        Access.EXECUTE: unicorn.UC_PROT_EXEC,
    }
    return sum(int(bit) for wanted, bit in bits.items() if access & wanted)
