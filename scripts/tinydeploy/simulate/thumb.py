"""Thumb instructions, seen only as far as the cycle model and the simulator's traps need them."""

from __future__ import annotations

import enum
import functools
import re
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

ALWAYS = 14
REGISTERS = (*(f"r{n}" for n in range(9)), "sb", "sl", "fp", "ip", "sp", "lr", "pc")

# Encodings, narrow and wide.
YIELD = (0xBF10, 0xF3AF8001)
WFE = (0xBF20, 0xF3AF8002)
WFI = (0xBF30, 0xF3AF8003)


class Kind(enum.Enum):
    """Classes of instructions that cost the same."""

    ALU = enum.auto()
    DIVIDE = enum.auto()
    LOAD = enum.auto()
    LOAD_PC = enum.auto()
    EXCLUSIVE = enum.auto()
    STORE = enum.auto()
    STORE_REGISTER_OFFSET = enum.auto()
    DOUBLE = enum.auto()
    MULTIPLE = enum.auto()
    TABLE_BRANCH = enum.auto()
    FP_LOAD_STORE = enum.auto()
    FP_LOAD_STORE_DOUBLE = enum.auto()
    FP_MOVE_TWO = enum.auto()
    FP_SIMPLE = enum.auto()
    FP_MULTIPLY_ADD = enum.auto()
    FP_DIVIDE = enum.auto()


@dataclass(frozen=True)
class Instruction:
    """One instruction.

    Attributes:
        condition: ARM condition code given by an IT block; `ALWAYS` outside of one. Conditional
            branches outside of IT blocks count as `ALWAYS`: they cost the same either way.
        destination: register that a load writes, "" for anything else.
        address_registers: registers that form the address of a load or store.
        words: 32-bit words that a multiple load or store moves.
        divisor: number of the register that a division divides by.
        aligned_base: number of the register that must hold a multiple of 4, where the CPU does not
            load or store unaligned; the stack pointer always does.
    """

    address: int
    size: int
    kind: Kind
    condition: int = ALWAYS
    destination: str = ""
    address_registers: frozenset[str] = frozenset()
    words: int = 0
    divisor: int = 0
    aligned_base: int | None = None
    is_fpu: bool = False
    is_send_event: bool = False


BY_MNEMONIC = {
    **dict.fromkeys(("sdiv", "udiv"), Kind.DIVIDE),
    **dict.fromkeys(
        ("ldr", "ldrb", "ldrh", "ldrsb", "ldrsh", "ldrt", "ldrbt", "ldrht", "ldrsbt", "ldrsht"),
        Kind.LOAD,
    ),
    **dict.fromkeys(("str", "strb", "strh", "strt", "strbt", "strht"), Kind.STORE),
    **dict.fromkeys(("ldrex", "ldrexb", "ldrexh", "strex", "strexb", "strexh"), Kind.EXCLUSIVE),
    **dict.fromkeys(("ldrd", "strd"), Kind.DOUBLE),
    **dict.fromkeys(
        ("ldm", "ldmdb", "stm", "stmdb", "push", "pop", "vpush", "vpop"),
        Kind.MULTIPLE,
    ),
    **dict.fromkeys(("vldm", "vldmia", "vldmdb", "vstm", "vstmia", "vstmdb"), Kind.MULTIPLE),
    **dict.fromkeys(("tbb", "tbh"), Kind.TABLE_BRANCH),
    **dict.fromkeys(("vldr", "vstr"), Kind.FP_LOAD_STORE),
    **dict.fromkeys(
        ("vmla", "vmls", "vnmla", "vnmls", "vfma", "vfms", "vfnma", "vfnms"), Kind.FP_MULTIPLY_ADD
    ),
    **dict.fromkeys(("vdiv", "vsqrt"), Kind.FP_DIVIDE),
}
ALIGNED = (Kind.DOUBLE, Kind.MULTIPLE, Kind.FP_LOAD_STORE, Kind.FP_LOAD_STORE_DOUBLE)
BRACKETS = re.compile(r"\[([^]]*)\]")


def decode(code: bytes, address: int, it_state: int = 0) -> Iterator[Instruction]:
    """Instructions of straight code; `it_state` is ITSTATE before the first one."""
    offset = 0
    while offset + 2 <= len(code):
        first = _halfword(code, offset)
        size = 4 if first >> 11 in (0x1D, 0x1E, 0x1F) else 2
        raw = code[offset : offset + size]
        condition = it_state >> 4 if it_state else ALWAYS
        yield _classify(raw, address + offset, condition)
        if first & 0xFF00 == 0xBF00 and first & 0xF:
            it_state = first & 0xFF
        elif it_state:
            it_state = _advance(it_state)
        offset += size


def _advance(it_state: int) -> int:
    if not it_state & 7:
        return 0
    return it_state & 0xE0 | (it_state << 1) & 0x1F


def _halfword(code: bytes, offset: int) -> int:
    value: int = struct.unpack_from("<H", code, offset)[0]
    return value


@functools.cache
def _parse(raw: bytes) -> tuple[str, str]:
    """Mnemonic without qualifiers, and operands; the same wherever the instruction stands."""
    for _, _, mnemonic, operands in _disassembler().disasm_lite(raw, 0):
        return mnemonic.split(".")[0], operands
    return "udf", ""


@functools.cache
def _disassembler() -> Any:
    import capstone

    return capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)


def _classify(raw: bytes, address: int, condition: int) -> Instruction:
    mnemonic, operands = _parse(raw)
    kind = BY_MNEMONIC.get(mnemonic)
    size = len(raw)
    if kind is None:
        if not mnemonic.startswith("v"):
            return Instruction(address, size, Kind.ALU, condition, is_send_event=mnemonic == "sev")
        two_core_registers = mnemonic == "vmov" and operands.count(",") >= 2
        kind = Kind.FP_MOVE_TWO if two_core_registers else Kind.FP_SIMPLE
        return Instruction(address, size, kind, condition, is_fpu=True)
    if kind is Kind.LOAD:
        return _load(operands, address, size, condition)
    if kind is Kind.STORE and _index_register(operands):
        kind = Kind.STORE_REGISTER_OFFSET
    if kind is Kind.FP_LOAD_STORE and operands.startswith("d"):
        kind = Kind.FP_LOAD_STORE_DOUBLE
    return Instruction(
        address,
        size,
        kind,
        condition,
        words=_list_words(operands) if kind is Kind.MULTIPLE else 0,
        divisor=REGISTERS.index(operands.split(", ")[-1]) if kind is Kind.DIVIDE else 0,
        aligned_base=_aligned_base(kind, operands),
        is_fpu=mnemonic.startswith("v"),
    )


def _load(operands: str, address: int, size: int, condition: int) -> Instruction:
    destination = operands.split(",")[0]
    if destination == "pc":
        return Instruction(address, size, Kind.LOAD_PC, condition)
    inside = BRACKETS.search(operands)
    parts = re.split(r"[ ,]+", inside.group(1)) if inside else []
    registers = frozenset(part for part in parts if part in REGISTERS)
    return Instruction(address, size, Kind.LOAD, condition, destination, registers)


def _index_register(operands: str) -> bool:
    inside = BRACKETS.search(operands)
    return inside is not None and bool(re.search(r", [a-z]", inside.group(1)))


def _list_words(operands: str) -> int:
    listed = operands[operands.index("{") + 1 : operands.index("}")].split(", ")
    return sum(2 if name.startswith("d") else 1 for name in listed)


def _aligned_base(kind: Kind, operands: str) -> int | None:
    if kind not in ALIGNED:
        return None
    inside = BRACKETS.search(operands)
    name = re.split(r"[ ,!]", inside.group(1) if inside else operands)[0]
    return None if name in ("sp", "pc") or name not in REGISTERS else REGISTERS.index(name)
