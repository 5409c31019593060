"""The modelled Cortex-M4 cycle count: zero wait states, one cost per block of straight code.

Two steps, so that a block is looked at once however often it runs:

    analyse()       code of a block -> `Block`: its cost and what must be watched inside it
    BlockCounter    a Unicorn block hook that adds the costs up (native.py has a faster twin)

The rules (taken branches cost 2 more, pairs of loads overlap, ...) are those that the published
figures of other engines were measured with, so that ours can stand beside them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from tinydeploy.simulate import thumb
from tinydeploy.simulate.thumb import Instruction, Kind

TAKEN_BRANCH_CYCLES = 2
NEVER = 1 << 62

FIXED_CYCLES = {
    Kind.ALU: 1,
    Kind.DIVIDE: 6,
    Kind.LOAD: 2,
    Kind.LOAD_PC: 2,
    Kind.LOAD_EXCLUSIVE: 2,
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
    Kind.WAIT: 1,
}


@dataclass(frozen=True)
class Watch:
    """An instruction that the block cost alone cannot decide.

    Attributes:
        address: where it is.
        condition: ARM condition code under which it is executed; 14 is always.
        cycles: what executing it adds to the cost of the block.
        trap: "" or what must be checked before it: "fpu" (coprocessor off) or "divide" (by zero).
        registers: for "divide", the divisor.
    """

    address: int
    condition: int
    cycles: int
    trap: str = ""
    registers: tuple[int, ...] = ()


@dataclass(frozen=True)
class Block:
    """Cost of straight code, taking every instruction whose IT condition may fail as failed."""

    address: int
    size: int
    cycles: int
    instructions: int
    watches: tuple[Watch, ...] = field(default=())


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


def analyse(code: bytes, address: int, it_state: int = 0, traps: frozenset[str] = frozenset()) -> Block:
    """Cost of the block `code` at `address`.

    Args:
        it_state: ITSTATE with which the block is entered, when it starts inside an IT block.
        traps: which checks are on: "fpu", "divide".
    """
    instructions = list(thumb.decode(code, address, it_state))
    cycles = 0
    before: Instruction | None = None
    for instruction in instructions:
        if instruction.condition == thumb.ALWAYS:
            cycles += instruction_cycles(instruction, before)
            before = instruction
        else:
            cycles += 1
            before = None
    watches = tuple(_watches(instructions, traps))
    return Block(address, len(code), cycles, len(instructions), watches)


def _watches(instructions: list[Instruction], traps: frozenset[str]) -> Iterator[Watch]:
    for index, instruction in enumerate(instructions):
        trap = instruction.trap if instruction.trap in traps else ""
        extra = 0 if instruction.condition == thumb.ALWAYS else _extra(instructions, index)
        if extra or trap:
            yield Watch(
                instruction.address,
                instruction.condition,
                extra,
                trap,
                (instruction.divisor,) if trap == "divide" else (),
            )


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
        extra += instruction_cycles(after, instruction) - instruction_cycles(after, None)
    return extra


class BlockCounter:
    """Adds up cycles and instructions in a block hook, and stops the CPU at a deadline.

    Args:
        uc: the Unicorn engine.
        find_block: called for a block that was never seen: (address, size) -> Block, or None to
            stop before it and have it translated again (with its watches in place).

    Attributes:
        cycles, instructions: executed so far.
        deadline: value of `cycles` from which the CPU stops before the next block.
        last_address, last_size: the block that was entered last.
        stopped: the counter itself stopped the CPU since `arm()`.
    """

    def __init__(self, uc: Any, find_block: Callable[[int, int], Block | None]) -> None:
        self.cycles = 0
        self.instructions = 0
        self.deadline = NEVER
        self.last_address = 0
        self.last_size = 0
        self.stopped = False
        self._uc = uc
        self._hooks: list[int] = []
        self._find_block = find_block
        self._blocks: dict[tuple[int, int], tuple[int, int]] = {}

    def attach(self) -> None:
        """Install the hook."""
        from unicorn import UC_HOOK_BLOCK

        self._uc.hook_add(UC_HOOK_BLOCK, self._enter)

    def arm(self, deadline: int) -> None:
        """Before the CPU starts: stop it when `cycles` reaches `deadline`."""
        self.deadline = deadline
        self.stopped = False

    def check(self) -> None:
        """Raise what `find_block` raised during the last run; Unicorn's binding did already."""

    def forget(self, address: int = 0, end: int = 1 << 32) -> None:
        """Drop the costs of blocks that start in [address, end)."""
        self._blocks = {k: v for k, v in self._blocks.items() if not address <= k[0] < end}

    def watch(self, watch: Watch) -> None:
        """Charge a conditional instruction when it is executed."""
        from unicorn import UC_HOOK_CODE
        from unicorn.arm_const import UC_ARM_REG_XPSR

        def execute(uc: Any, address: int, size: int, data: Any) -> None:
            if condition_holds(watch.condition, uc.reg_read(UC_ARM_REG_XPSR)):
                self.cycles += watch.cycles

        hook = self._uc.hook_add(UC_HOOK_CODE, execute, None, watch.address, watch.address)
        self._hooks.append(hook)

    def unwatch(self) -> None:
        """Remove all watches."""
        for hook in self._hooks:
            self._uc.hook_del(hook)
        self._hooks.clear()

    def _enter(self, uc: Any, address: int, size: int, data: Any) -> None:
        if self.cycles >= self.deadline:
            self._stop()
            return
        cost = self._blocks.get((address, size))
        if cost is None:
            block = self._find_block(address, size)
            if block is None:
                self._stop()
                return
            cost = self._blocks[(address, size)] = (block.cycles, block.instructions)
        if address != self.last_address + self.last_size:
            self.cycles += TAKEN_BRANCH_CYCLES
        self.cycles += cost[0]
        self.instructions += cost[1]
        self.last_address = address
        self.last_size = size

    def _stop(self) -> None:
        self.stopped = True
        self._uc.emu_stop()


def condition_holds(condition: int, xpsr: int) -> bool:
    """Whether an ARM condition code is met by the flags in bits 31:28."""
    n, z, c, v = xpsr >> 31 & 1, xpsr >> 30 & 1, xpsr >> 29 & 1, xpsr >> 28 & 1
    outcome = (
        z,
        c,
        n,
        v,
        c and not z,
        n == v,
        n == v and not z,
        True,
    )[condition >> 1]
    return bool(outcome) != bool(condition & 1 and condition != 15)
