"""Keeps what is known of the code in step with the code: block costs, traps, permissions."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import unicorn

from tinydeploy.simulate.cycles import Block, Watch, analyse, condition_holds
from tinydeploy.simulate.exceptions import Cfsr
from tinydeploy.simulate.registers import CORE, Reg

if TYPE_CHECKING:
    from tinydeploy.simulate.cycles import BlockCounter
    from tinydeploy.simulate.machine import Machine


class CodeWatch:
    """Looks at each block before its first execution, and again when that may have changed.

    Hooks cannot be added to a block that Unicorn has translated already: such a block is dropped
    from Unicorn's cache and translated again, which `update()` does between two runs.
    """

    def __init__(self, machine: Machine, uc: Any, counter: BlockCounter) -> None:
        self.execute_never: list[tuple[int, int]] = []
        self._applied_never: list[tuple[int, int]] = []
        self._machine = machine
        self._uc = uc
        self._counter = counter
        self._flush = False
        self._watched: set[int] = set()
        self._trap_hooks: list[int] = []
        self._waiting: list[Block] = []
        self._rams = [(m.origin, m.origin + m.size) for m in machine.memories if not m.is_rom]
        uc.hook_add(unicorn.UC_HOOK_EDGE_GENERATED, self._on_new_translation)

    def flush_soon(self) -> None:
        """Look at everything anew at the next update."""
        self._flush = True

    def find_block(self, address: int, size: int) -> Block | None:
        """Cost of a block, or None if it must be translated again with hooks in it."""
        xpsr = self._machine.reg(Reg.XPSR)
        it_state = xpsr >> 8 & 0xFC | xpsr >> 25 & 3
        code = self._machine.read(address, size)
        block = analyse(code, address, it_state, self._traps())
        if all(watch.address in self._watched for watch in block.watches):
            return block
        self._waiting.append(block)
        return None

    def update(self) -> None:
        """Carry out what cannot be done while Unicorn runs."""
        if self._flush:
            self._flush = False
            self._flush_all()
        if self.execute_never != self._applied_never:
            self._protect()
        for block in self._waiting:
            for watch in block.watches:
                if watch.address not in self._watched:
                    self._install(watch)
            self._uc.ctl_remove_cache(block.address, block.address + block.size)
        self._waiting.clear()

    def _traps(self) -> frozenset[str]:
        traps = {"event"}
        if not self._machine.scs.fpu_enabled:
            traps.add("fpu")
        if self._machine.scs.divide_by_zero_traps:
            traps.add("divide")
        return frozenset(traps)

    def _install(self, watch: Watch) -> None:
        self._watched.add(watch.address)
        if watch.cycles:
            self._counter.watch(watch)
        if watch.trap:
            hook = self._uc.hook_add(
                unicorn.UC_HOOK_CODE, self._check, watch, watch.address, watch.address
            )
            self._trap_hooks.append(hook)

    def _check(self, uc: Any, address: int, size: int, watch: Watch) -> None:
        machine = self._machine
        if not condition_holds(watch.condition, machine.reg(Reg.XPSR)):
            return
        if watch.trap == "event":
            machine.signal_event()
        elif watch.trap == "fpu" and not machine.scs.fpu_enabled:
            machine.trap(Cfsr.NOCP)
        elif watch.trap == "divide" and machine.scs.divide_by_zero_traps:
            if not any(machine.reg(CORE[n]) for n in watch.registers):
                machine.trap(Cfsr.DIVBYZERO)

    def _flush_all(self) -> None:
        for hook in self._trap_hooks:
            self._uc.hook_del(hook)
        self._trap_hooks.clear()
        self._counter.unwatch()
        self._watched.clear()
        self._waiting.clear()
        self._counter.forget()
        self._uc.ctl_flush_tb()

    def _protect(self) -> None:
        self._applied_never = list(self.execute_never)
        for start, end in self._rams:
            never = any(base <= start and end <= base + size for base, size in self.execute_never)
            data = unicorn.UC_PROT_READ | unicorn.UC_PROT_WRITE
            access = data if never else unicorn.UC_PROT_ALL
            self._uc.mem_protect(start, end - start, access)

    def _on_new_translation(self, uc: Any, now: Any, before: Any, data: Any) -> None:
        """Code in RAM that is translated again was written to: its cost may have changed."""
        if any(start <= now.pc < end for start, end in self._rams):
            self._counter.forget(now.pc, now.pc + 1)
