"""The block hook against a count instruction by instruction, on compiled and on random code.

The reference shares nothing with the simulator's count but the rules: it hooks each instruction,
follows IT blocks itself and classifies with capstone's operand details.
"""

from __future__ import annotations

import random
from typing import Any

import capstone
import pytest
import unicorn
from capstone import arm
from tinydeploy.simulate import image as images
from tinydeploy.simulate.machine import Machine
from tinydeploy.simulate.registers import Reg

LOADS = {getattr(arm, f"ARM_INS_{name}") for name in ("LDR", "LDRB", "LDRH", "LDRSB", "LDRSH")}
STORES = {getattr(arm, f"ARM_INS_{name}") for name in ("STR", "STRB", "STRH")}
MULTIPLE = {
    getattr(arm, f"ARM_INS_{name}")
    for name in ("LDM", "LDMDB", "STM", "STMDB", "PUSH", "POP", "VPUSH", "VPOP", "VLDMIA", "VSTMIA")
}
DOUBLES = {arm.ARM_INS_LDRD, arm.ARM_INS_STRD}
DIVIDES = {arm.ARM_INS_SDIV, arm.ARM_INS_UDIV}
FP_ACCUMULATE = {
    getattr(arm, f"ARM_INS_V{name}")
    for name in ("MLA", "MLS", "NMLA", "NMLS", "FMA", "FMS", "FNMA", "FNMS")
}
FP_SLOW = {arm.ARM_INS_VDIV, arm.ARM_INS_VSQRT}
TABLE_BRANCHES = {arm.ARM_INS_TBB, arm.ARM_INS_TBH}


class Reference:
    """Counts a machine's cycles one instruction at a time."""

    def __init__(self, machine: Machine) -> None:
        self.cycles = 0
        self.instructions = 0
        self._machine = machine
        self._decoder = capstone.Cs(
            capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS
        )
        self._decoder.detail = True
        self._previous: Any = None
        self._next = self._end = 0
        self._it: list[int] = []
        machine._uc.hook_add(unicorn.UC_HOOK_BLOCK, self._enter)
        machine._uc.hook_add(unicorn.UC_HOOK_CODE, self._execute)

    def _enter(self, uc: Any, address: int, size: int, data: Any) -> None:
        self.finish()
        if address != self._end:
            self.cycles += 2
        self._next, self._end = address, address + size
        self._previous = None

    def finish(self) -> None:
        """Count what was skipped at the end of the last block."""
        self._skip_to(self._end)

    def _skip_to(self, address: int) -> None:
        """Unicorn does not call the hook for instructions whose condition fails."""
        while self._next < address:
            instruction = self._decode(self._next)
            assert self._it
            self._it.pop(0)
            self._count(instruction, executed=False)

    def _execute(self, uc: Any, address: int, size: int, data: Any) -> None:
        self._skip_to(address)
        instruction = self._decode(address)
        if self._it:
            assert self._holds(uc, self._it.pop(0))
        if instruction.id == arm.ARM_INS_IT:
            self._it = _conditions(instruction.bytes[0])
        self._count(instruction, executed=True)

    def _decode(self, address: int) -> Any:
        code = self._machine.read(address, 4)
        return next(self._decoder.disasm(code, address, 1))

    def _count(self, instruction: Any, *, executed: bool) -> None:
        self.instructions += 1
        self.cycles += self._cost(instruction) if executed else 1
        self._previous = instruction if executed else None
        self._next = instruction.address + instruction.size

    @staticmethod
    def _holds(uc: Any, condition: int) -> bool:
        flags = uc.reg_read(Reg.XPSR) >> 28
        n, z, c, v = (bool(flags >> bit & 1) for bit in (3, 2, 1, 0))
        table = [z, c, n, v, c and not z, n == v, n == v and not z]
        return table[condition // 2] ^ bool(condition % 2)

    def _after_load(self) -> Any:
        previous = self._previous
        if previous is not None and previous.id in LOADS:
            return previous.operands[0].reg
        return None

    def _cost(self, instruction: Any) -> int:
        kind, operands = instruction.id, instruction.operands
        if kind in LOADS:
            if operands[0].reg == arm.ARM_REG_PC:
                return 2
            memory = next(o.mem for o in operands if o.type == arm.ARM_OP_MEM)
            loaded = self._after_load()
            return 1 if loaded is not None and loaded not in (memory.base, memory.index) else 2
        if kind in STORES:
            memory = next(o.mem for o in operands if o.type == arm.ARM_OP_MEM)
            if memory.index == 0:
                return 1
            return 1 if self._after_load() is not None else 2
        if kind in MULTIPLE:
            listed = [o for o in operands if o.type == arm.ARM_OP_REG]
            if kind not in (arm.ARM_INS_PUSH, arm.ARM_INS_POP, arm.ARM_INS_VPUSH, arm.ARM_INS_VPOP):
                listed = listed[1:]
            double = instruction.reg_name(listed[0].reg).startswith("d")
            return 1 + len(listed) * (2 if double else 1)
        if kind in (arm.ARM_INS_VLDR, arm.ARM_INS_VSTR):
            return 3 if instruction.reg_name(operands[0].reg).startswith("d") else 2
        if kind == arm.ARM_INS_VMOV:
            return 2 if len(operands) >= 3 else 1
        for kinds, cycles in ((DOUBLES, 3), (DIVIDES, 6), (FP_ACCUMULATE, 3), (FP_SLOW, 14)):
            if kind in kinds:
                return cycles
        return 2 if kind in TABLE_BRANCHES else 1


def _conditions(it: int) -> list[int]:
    """Conditions of the instructions in an IT block, from the low byte of its encoding."""
    first, mask = it >> 4, it & 15
    length = 4 - (mask & -mask).bit_length() + 1
    bits = [first & 1] + [mask >> 3 - n & 1 for n in range(length - 1)]
    return [first & 14 | bit for bit in bits]


C_PROGRAM = """
typedef unsigned int u32;
static u32 next(u32 *s) { return *s = *s * 1664525u + 1013904223u; }
static void sort(int *a, int n) {
  for (int i = 1; i < n; ++i) {
    int v = a[i], j = i;
    while (j > 0 && a[j - 1] > v) { a[j] = a[j - 1]; --j; }
    a[j] = v;
  }
}
static u32 crc(const unsigned char *p, int n) {
  u32 c = ~0u;
  for (int i = 0; i < n; ++i) {
    c ^= p[i];
    for (int b = 0; b < 8; ++b) c = c & 1 ? c >> 1 ^ 0xEDB88320u : c >> 1;
  }
  return ~c;
}
static float poly(float x) { return ((x * 0.5f + 1.5f) * x - 2.0f) / (x + 3.0f); }
static int pick(u32 v) {
  switch (v & 7) { case 0: return 3; case 1: return (int)v; case 2: return 9; case 3: return -1;
                   case 4: return 77; case 5: return (int)(v >> 3); default: return 12; }
}
u32 work(int *a, u32 n) {
  u32 s = n;
  float f = 0.25f;
  long long total = 0;
  for (u32 i = 0; i < n; ++i) {
    a[i] = (int)next(&s) >> 8;
    total += (long long)a[i] * pick(s);
    f += poly((float)(s & 255));
    if (a[i] % 7 == 3) a[i] /= (int)(i + 1);
  }
  sort(a, (int)n);
  return crc((unsigned char *)a, (int)(4 * n)) ^ (u32)total ^ (u32)f;
}
"""


def _compare(machine: Machine, address: int, *arguments: int, stack: int) -> Reference:
    reference = Reference(machine)
    machine.call(address, *arguments, stack=stack)
    reference.finish()
    assert (machine.cycles, machine.instructions) == (reference.cycles, reference.instructions)
    return reference


@pytest.mark.parametrize("level", ["-O0", "-Os", "-O2", "-O3"])
def test_compiled_code(lab: Any, level: str) -> None:
    flags = (level, "-g", "-fno-sanitize=all")  # Zig strips at -Os without -g
    elf = lab.build(C_PROGRAM, lab.flash.origin, ".c", *flags)
    image = images.load(elf)
    results = set()
    for native in (True, False):
        machine = lab.machine(native=native)
        for segment in image.segments:
            machine.write(segment.address, segment.data)
        entry = image.symbols["work"].address & ~1
        if native:
            counted = _compare(machine, entry, lab.data, 40, stack=lab.stack)
            assert counted.instructions > 5000
        else:
            machine.call(entry, lab.data, 40, stack=lab.stack)
        results.add((machine.cycles, machine.instructions))
    assert len(results) == 1


REGISTERS = ("r0", "r2", "r3", "r4", "r5")
PLAIN = (
    "adds {a}, {b}, {c}",
    "mul {a}, {b}, {c}",
    "smlad {a}, {b}, {c}, {a}",
    "ldr {a}, [r1, #8]",
    "ldr {a}, [r1], #4",
    "ldrb {a}, [r1, r6]",
    "ldrsh {a}, [r1, r6, lsl #1]",
    "str {a}, [r1, #12]",
    "strh {a}, [r1, r6]",
    "ldrd {a}, r8, [r1, #16]",
    "ldm r1, {{r8, r9}}",
    "udiv {a}, {b}, {c}",
    "vldr s0, [r1, #4]",
    "vmla.f32 s1, s2, s3",
    "vmov {a}, s1",
    "push {{r2, r3}}; pop {{r2, r3}}",
    "ldr r6, [r7]; ldr {a}, [r1, r6]",
    "cmp {a}, {b}",
)
CONDITIONAL = (
    "ldr{cc} {a}, [r1, #8]",
    "ldr{cc} {a}, [r1, r6]",
    "add{cc} {a}, {b}",
    "udiv{cc} {a}, {b}, {c}",
    "str{cc} {a}, [r1, r6]",
    "vldr{cc} s0, [r1]",
    "cmp{cc} {a}, {b}",
)
INVERSE = {"eq": "ne", "hs": "lo", "mi": "pl", "hi": "ls", "ge": "lt", "gt": "le"}


def _random_program(dice: random.Random) -> str:
    lines = []
    for number in range(60):
        names = dict(zip("abc", (dice.choice(REGISTERS) for _ in "abc"), strict=True))
        roll = dice.random()
        if roll < 0.25:
            lines += _random_it_block(dice, names)
        elif roll < 0.35:
            condition = dice.choice([*INVERSE, *INVERSE.values()])
            lines.append(
                f"cmp {names['a']}, {names['b']}; b{condition} 9{number}f; nop; 9{number}:"
            )
        else:
            lines.append(dice.choice(PLAIN).format(**names))
    return "movs r6, #0; " + "; ".join(lines) + "; bx lr"


def _random_it_block(dice: random.Random, names: dict[str, str]) -> list[str]:
    condition = dice.choice(list(INVERSE))
    rest = "".join(dice.choice("te") for _ in range(dice.randrange(4)))
    lines = [f"cmp {names['a']}, {names['c']}", f"i{'t' + rest} {condition}"]
    for letter in "t" + rest:
        suffix = condition if letter == "t" else INVERSE[condition]
        lines.append(dice.choice(CONDITIONAL).format(cc=suffix, **names))
    return lines


@pytest.mark.parametrize("seed", range(8))
def test_random_code(lab: Any, seed: int) -> None:
    dice = random.Random(seed)
    machine = lab.machine(_random_program(dice), native=seed % 2 == 0)
    machine.write(lab.data, bytes(0x8000))
    for register in (Reg.R4, Reg.R5, Reg.R6):
        machine.set_reg(register, dice.randrange(1 << 32))
    machine.set_reg(Reg.R7, lab.data)
    arguments = (dice.randrange(16), lab.data, dice.randrange(16), dice.randrange(1, 16))
    _compare(machine, lab.flash.origin, *arguments, stack=lab.stack)


def test_code_in_ram_that_is_rewritten(lab: Any) -> None:
    """The cost follows the code: the second version has another instruction at the same place."""
    machine = lab.machine()
    costs = []
    for snippet in ("nop; nop; bx lr", "udiv r0, r2, r3; bx lr", "ldr r0, [r1]; nop; bx lr"):
        machine.write(lab.data, lab.assemble(snippet, lab.data))
        before = machine.cycles
        machine.call(lab.data, 0, lab.data, 4, 3, stack=lab.stack)
        costs.append(machine.cycles - before - 3)
    assert costs == [2, 6, 3]


def test_code_that_rewrites_itself(lab: Any) -> None:
    """A store by the CPU itself: copies `udiv` over a `nop.w` and runs it again."""
    source = """
      adr r4, patch; mov r6, #0; mov r8, lr
    again: bl patch_here; cmp r6, #1; beq 1f; movs r6, #1
      ldr r5, [r4]; ldr r0, =patch_here; bic r0, #1; str r5, [r0]; b again
    1: bx r8
      .align 2
    patch: udiv r0, r2, r3
      .align 2
      .thumb_func
    patch_here: nop.w; bx lr
    """
    machine = lab.machine()
    machine.write(lab.data, lab.assemble(source.replace("\n", ";"), lab.data))
    _compare(machine, lab.data, 0, 0, 12, 4, stack=lab.stack)
    assert machine.reg(Reg.R0) == 3
