"""The modelled Cortex-M4 cycle count: zero wait states, one cost per block of straight code.

Two steps, so that a block is looked at once however often it runs:

    analyse()       code of a block -> `Block`: its cost and what must be watched inside it
    BlockCounter    Unicorn hooks that add the costs up (native.py has a faster twin)

The rules (taken branches cost 2 more, pairs of loads overlap, ...) are those that the published
figures of other engines were measured with, so that ours can stand beside them.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Any

from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, UC_HOOK_MEM_READ

from tinydeploy.simulate import thumb
from tinydeploy.simulate.flash_timing import FlashCache, FlashTiming
from tinydeploy.simulate.registers import CORE, Reg
from tinydeploy.simulate.thumb import Instruction, Kind

TAKEN_BRANCH_CYCLES = 2
IT_STATE = 0x0600FC00  # in xPSR
NEVER = 1 << 62

FIXED_CYCLES = {
    Kind.ALU: 1,
    Kind.DIVIDE: 6,
    Kind.LOAD: 2,
    Kind.LOAD_PC: 2,
    Kind.EXCLUSIVE: 2,
    Kind.STORE: 1,
    Kind.STORE_REGISTER_OFFSET: 2,
    Kind.DOUBLE: 3,
    Kind.TABLE_BRANCH: 2,
    Kind.FP_LOAD_STORE: 2,
    Kind.FP_LOAD_STORE_DOUBLE: 3,
    Kind.FP_MOVE_TWO: 2,
    Kind.FP_SIMPLE: 1,
    Kind.FP_MULTIPLY_ADD: 3,
    Kind.FP_DIVIDE: 14,
}


class Check(enum.IntFlag):
    """What the CPU checks before an instruction and Unicorn does not."""

    NONE = 0
    FPU = 1  # is the FPU on
    DIVIDE = 2  # is the divisor not 0
    EVENT = 4  # SEV: cannot fault, but is reported
    ALIGN = 8  # is the base address a multiple of 4


@dataclass(frozen=True)
class Watch:
    """An instruction that the block cost alone cannot decide.

    Attributes:
        address: where it is.
        cycles: what executing it adds to the cost of the block.
        check: what to check before it.
        register: number of the register to check.
    """

    address: int
    cycles: int = 0
    check: Check = Check.NONE
    register: int = 0


@dataclass(frozen=True)
class Block:
    """Cost of straight code, taking every instruction whose IT condition may fail as failed."""

    address: int
    size: int
    cycles: int
    instructions: int
    watches: tuple[Watch, ...] = ()


def instruction_cycles(instruction: Instruction, before: Instruction | None) -> int:
    """Cycles of an executed instruction, given the executed one before it in the block."""
    kind = instruction.kind
    if kind is Kind.MULTIPLE:
        return 1 + instruction.words
    after_load = before is not None and before.kind is Kind.LOAD
    if kind is Kind.LOAD and after_load:
        assert before is not None
        return 2 if before.destination in instruction.address_registers else 1
    if kind is Kind.STORE_REGISTER_OFFSET and after_load:
        return 1
    return FIXED_CYCLES[kind]


def analyse(code: bytes, address: int, it_state: int = 0, after: bytes = b"") -> Block:
    """Cost of the block `code` at `address`.

    Args:
        it_state: ITSTATE with which it is entered.
        after: the four bytes that follow. Unicorn cuts blocks at page borders; a load that is the
            last before the cut overlaps with what comes after it as anywhere else.
    """
    instructions = list(thumb.decode(code, address, it_state))
    count = len(instructions)
    if instructions and instructions[-1].kind is Kind.LOAD:
        instructions = list(islice(thumb.decode(code + after, address, it_state), count + 1))
    cycles = 0
    before: Instruction | None = None
    for instruction in instructions[:count]:
        if instruction.condition == thumb.ALWAYS:
            cycles += instruction_cycles(instruction, before)
            before = instruction
        else:
            cycles += 1
            before = None
    for following in instructions[count:]:
        cycles += _overlap(before, following) if following.condition == thumb.ALWAYS else 0
    watches = tuple(_watches(instructions, count))
    return Block(address, len(code), cycles, count, watches)


def _overlap(before: Instruction | None, after: Instruction) -> int:
    """What `before` changes of the cost of the instruction after it."""
    return instruction_cycles(after, before) - instruction_cycles(after, None)


def _watches(instructions: list[Instruction], count: int) -> Iterator[Watch]:
    for index, instruction in enumerate(instructions[:count]):
        extra = 0 if instruction.condition == thumb.ALWAYS else _extra(instructions, index)
        check, register = _check(instruction)
        if extra or check:
            yield Watch(instruction.address, extra, check, register)


def _check(instruction: Instruction) -> tuple[Check, int]:
    if instruction.kind is Kind.DIVIDE:
        return Check.DIVIDE, instruction.divisor
    if instruction.is_send_event:
        return Check.EVENT, 0
    check = Check.FPU if instruction.is_fpu else Check.NONE
    if instruction.aligned_base is not None:
        check |= Check.ALIGN
    return check, instruction.aligned_base or 0


def _extra(instructions: list[Instruction], index: int) -> int:
    """What a conditional instruction adds to the cost of its block when it is executed.

    A load also changes what the instruction after it costs: one under the same condition is
    executed with it and pays for itself, an unconditional one is already in the block's cost.
    """
    instruction = instructions[index]
    before = instructions[index - 1] if index else None
    if before is not None and before.condition not in (thumb.ALWAYS, instruction.condition):
        before = None
    extra = instruction_cycles(instruction, before) - 1
    after = instructions[index + 1] if index + 1 < len(instructions) else None
    if after is not None and after.condition == thumb.ALWAYS:
        extra += _overlap(instruction, after)
    return extra


FindBlock = Callable[[int, int], Block]
OnCheck = Callable[[Check], None]


class BlockCounter:
    """Adds up cycles and instructions in hooks, and stops the CPU at a deadline.

    Args:
        uc: the Unicorn engine.
        find_block: gives the cost of a block that was never seen, by address and size.
        on_check: called before an instruction that fails one of `checks`.
        timing: wait states of the flash; None for the model without any.

    Attributes:
        cycles, instructions: executed so far.
        deadline: value of `cycles` from which the CPU stops before the next block.
        last_address, last_size: the block that was entered last.
        stopped: the counter itself stopped the CPU since `arm()`.
        checks: which checks are on.
    """

    def __init__(
        self,
        uc: Any,
        find_block: FindBlock,
        on_check: OnCheck,
        timing: FlashTiming | None = None,
    ) -> None:
        self.cycles = 0
        self.instructions = 0
        self.deadline = NEVER
        self.last_address = 0
        self.last_size = 0
        self.stopped = 0
        self.checks = 0
        self._uc = uc
        self._find_block = find_block
        self._on_check = on_check
        self._blocks: dict[tuple[int, int], tuple[int, int]] = {}
        self._watches: dict[int, Watch] = {}
        self._timing = timing
        self._cache = FlashCache(timing) if timing else None

    def attach(self) -> None:
        """Install the hooks."""
        self._uc.hook_add(UC_HOOK_BLOCK, self._enter)
        self._uc.hook_add(UC_HOOK_CODE, self._execute)
        if self._timing is not None:
            last = self._timing.flash_end - 1
            self._uc.hook_add(UC_HOOK_MEM_READ, self._load, begin=0, end=last)

    def arm(self, deadline: int) -> None:
        """Before the CPU starts: stop it when `cycles` reaches `deadline`."""
        self.deadline = deadline
        self.stopped = 0

    def close(self) -> None:
        """Forget the code; what was counted stays."""
        self.forget()

    def check(self) -> None:
        """Raise what a callback raised during the last run; Unicorn's binding did already."""

    def forget(self, address: int = 0, end: int = 1 << 32) -> None:
        """Drop what is known of blocks that start in [address, end)."""
        self._blocks = {k: v for k, v in self._blocks.items() if not address <= k[0] < end}
        self._watches = {k: v for k, v in self._watches.items() if not address <= k < end}

    def _look_up(self, address: int, size: int) -> tuple[int, int]:
        block = self._find_block(address, size)
        self._watches.update((watch.address, watch) for watch in block.watches)
        cost = self._blocks[(address, size)] = (block.cycles, block.instructions)
        return cost

    def _enter(self, uc: Any, address: int, size: int, data: Any) -> None:
        if self.cycles >= self.deadline:
            self.stopped = 1
            uc.emu_stop()
            return
        cycles, instructions = self._blocks.get((address, size)) or self._look_up(address, size)
        if address != self.last_address + self.last_size:
            self.cycles += TAKEN_BRANCH_CYCLES
        if self._cache is not None:
            self.cycles += self._cache.fetch(address, size)
        self.cycles += cycles
        self.instructions += instructions
        self.last_address = address
        self.last_size = size

    def _load(self, uc: Any, access: int, address: int, size: int, value: int, data: Any) -> None:
        assert self._cache is not None
        self.cycles += self._cache.load(address)
        xpsr = uc.reg_read(Reg.XPSR)
        if xpsr & IT_STATE:  # put there for this hook; left there, the next block would have it
            uc.reg_write(Reg.XPSR, xpsr & ~IT_STATE)

    def _execute(self, uc: Any, address: int, size: int, data: Any) -> None:
        """Unicorn does not call this for an instruction whose IT condition fails."""
        watch = self._watches.get(address)
        if watch is None:
            return
        self.cycles += watch.cycles
        failed = watch.check & self.checks
        if failed & Check.DIVIDE and uc.reg_read(CORE[watch.register]):
            failed &= ~Check.DIVIDE
        if failed & Check.ALIGN and not uc.reg_read(CORE[watch.register]) & 3:
            failed &= ~Check.ALIGN
        if failed:
            self._on_check(Check(failed))
