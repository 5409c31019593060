"""A FaultReport in words (Armv7-M Architecture Reference Manual, B3.2.15 and B3.2.16)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tinydeploy.abi import protocol
from tinydeploy.abi.layout import Value

Symbolize = Callable[[int], str]

_EXCEPTIONS = {2: "NMI", 3: "HardFault", 4: "MemManage fault", 5: "BusFault", 6: "UsageFault"}

_CFSR_BITS = {
    0: "instruction fetch from a protected address",
    1: "data access to a protected address",
    3: "memory fault while returning from an exception",
    4: "memory fault while entering an exception (stack overflow?)",
    5: "memory fault while saving FPU registers",
    8: "instruction bus error",
    9: "precise data bus error",
    10: "imprecise data bus error",
    11: "bus error while returning from an exception",
    12: "bus error while entering an exception (stack overflow?)",
    13: "bus error while saving FPU registers",
    16: "undefined instruction",
    17: "invalid state (jump to an even address?)",
    18: "invalid exception return",
    19: "FPU used while it is off",
    24: "unaligned access",
    25: "division by zero",
}
_FETCH_DENIED, _MMFAR_VALID, _BFAR_VALID = 1 << 0, 1 << 7, 1 << 15


def describe(
    report: Mapping[str, Value],
    symbolize: Symbolize = hex,
    place: Callable[[int], str] = lambda address: "",
) -> str:
    """One line: which fault, why, where, during which operator.

    Args:
        place: says what is at an address, "" if unknown.
    """
    cfsr, exception = _number(report, "cfsr"), _number(report, "exception")
    causes = [text for bit, text in _CFSR_BITS.items() if cfsr >> bit & 1]
    registers = {"mmfar": _MMFAR_VALID, "bfar": _BFAR_VALID, "pc": _FETCH_DENIED}
    for register, bit in registers.items():
        if cfsr & bit:
            address = _number(report, register) & (~1 if register == "pc" else -1)
            known = place(address)
            causes.append(f"address {address:#010x}" + f", {known}" * bool(known))
    name = _EXCEPTIONS.get(exception, f"exception {exception}")
    where = f"at {symbolize(_number(report, 'pc'))}, called from {symbolize(_number(report, 'lr'))}"
    op_index = _number(report, "op_index")
    during = "" if op_index == protocol.ALL_OPS else f", during operator {op_index}"
    return f"{name} ({', '.join(causes) or 'no cause given'}) {where}{during}"


def _number(report: Mapping[str, Value], name: str) -> int:
    value = report[name]
    assert isinstance(value, int)
    return value
