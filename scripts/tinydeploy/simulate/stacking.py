"""Exception frames: the eight words, or 26 with FPU state, that the CPU pushes and pops itself.

Lazy FPU stacking looks the same from the program's side, so the registers are always stored.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinydeploy.simulate.access import Access
from tinydeploy.simulate.fault_status import Cfsr
from tinydeploy.simulate.registers import FPU, Reg

if TYPE_CHECKING:
    from tinydeploy.simulate.machine import Machine

XPSR_EXCEPTION, XPSR_ALIGNED, XPSR_THUMB = 0x1FF, 1 << 9, 1 << 24
CONTROL_NPRIV, CONTROL_SPSEL, CONTROL_FPCA = 1, 2, 4
EXC_RETURN = 0xFFFFFFE1
EXC_RETURN_BASIC, EXC_RETURN_THREAD, EXC_RETURN_PSP = 0x10, 0x08, 0x04
BASIC_FRAME_BYTES, EXTENDED_FRAME_BYTES = 0x20, 0x68
HANDLER_STATE = (Reg.CONTROL, Reg.XPSR, Reg.LR)
CORE_FRAME = (Reg.SP, Reg.R0, Reg.R1, Reg.R2, Reg.R3, Reg.R12, Reg.LR, Reg.PC)
FPU_FRAME = (*FPU[:16], Reg.FPSCR)


def exc_return(xpsr: int, control: int) -> int:
    """The value of LR with which an exception entered in this state is left."""
    value = EXC_RETURN if control & CONTROL_FPCA else EXC_RETURN | EXC_RETURN_BASIC
    if xpsr & XPSR_EXCEPTION:
        return value
    return value | EXC_RETURN_THREAD | (EXC_RETURN_PSP if control & CONTROL_SPSEL else 0)


def push(machine: Machine, xpsr: int, *, extended: bool) -> Cfsr | None:
    """Push a frame on the present stack, 8-byte aligned; why that failed, None if it did not."""
    sp, *core = machine.core_frame.read()
    xpsr = xpsr | XPSR_ALIGNED if sp & 4 else xpsr & ~XPSR_ALIGNED
    size = EXTENDED_FRAME_BYTES if extended else BASIC_FRAME_BYTES
    sp = (sp - size & ~7) & 0xFFFFFFFF
    words = [*core[:-1], core[-1] & ~1, xpsr]
    if extended:
        words += [*machine.fpu_frame.read(), 0]
    machine.set_reg(Reg.SP, sp)
    if not machine.scs.mpu.allows(sp, size, Access.WRITE):
        return Cfsr.MSTKERR
    return None if machine.memory.try_write_words(sp, words) else Cfsr.STKERR


def pop(machine: Machine, return_value: int) -> int | Cfsr:
    """Restore what an EXC_RETURN value says; returns the new xPSR, or why there is no frame."""
    extended = not return_value & EXC_RETURN_BASIC
    stack = Reg.PSP if return_value & EXC_RETURN_PSP else Reg.MSP
    size = EXTENDED_FRAME_BYTES if extended else BASIC_FRAME_BYTES
    sp = machine.reg(stack)
    if not machine.scs.mpu.allows(sp, size, Access.READ):
        return Cfsr.MUNSTKERR
    words = machine.memory.try_read_words(sp, size // 4)
    if words is None:
        return Cfsr.UNSTKERR
    xpsr = words[7]
    machine.set_reg(stack, sp + size + (4 if xpsr & XPSR_ALIGNED else 0))
    _restore_state(machine, xpsr & ~XPSR_ALIGNED, return_value)
    machine.core_frame.write([machine.reg(Reg.SP), *words[:6], words[6] | 1])
    if extended:
        machine.fpu_frame.write(words[8:25])
    return xpsr


def _restore_state(machine: Machine, xpsr: int, return_value: int) -> None:
    """Mode first: the stack selection can only be changed in thread mode."""
    if return_value & EXC_RETURN_THREAD:
        xpsr &= ~XPSR_EXCEPTION
    control = machine.reg(Reg.CONTROL) & CONTROL_NPRIV
    control |= CONTROL_SPSEL if return_value & EXC_RETURN_PSP else 0
    control |= 0 if return_value & EXC_RETURN_BASIC else CONTROL_FPCA
    machine.set_reg(Reg.XPSR, xpsr)
    machine.set_reg(Reg.CONTROL, control)
