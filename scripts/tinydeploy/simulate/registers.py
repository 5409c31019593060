"""CPU registers by name."""

from __future__ import annotations

import enum

from unicorn import arm_const


class Reg(enum.IntEnum):
    """Unicorn's numbers of the registers that the simulator uses."""

    R0 = arm_const.UC_ARM_REG_R0
    R1 = arm_const.UC_ARM_REG_R1
    R2 = arm_const.UC_ARM_REG_R2
    R3 = arm_const.UC_ARM_REG_R3
    R4 = arm_const.UC_ARM_REG_R4
    R5 = arm_const.UC_ARM_REG_R5
    R6 = arm_const.UC_ARM_REG_R6
    R7 = arm_const.UC_ARM_REG_R7
    R8 = arm_const.UC_ARM_REG_R8
    R9 = arm_const.UC_ARM_REG_R9
    R10 = arm_const.UC_ARM_REG_R10
    R11 = arm_const.UC_ARM_REG_R11
    R12 = arm_const.UC_ARM_REG_R12
    SP = arm_const.UC_ARM_REG_SP
    LR = arm_const.UC_ARM_REG_LR
    PC = arm_const.UC_ARM_REG_PC
    XPSR = arm_const.UC_ARM_REG_XPSR
    MSP = arm_const.UC_ARM_REG_MSP
    PSP = arm_const.UC_ARM_REG_PSP
    CONTROL = arm_const.UC_ARM_REG_CONTROL
    PRIMASK = arm_const.UC_ARM_REG_PRIMASK
    BASEPRI = arm_const.UC_ARM_REG_BASEPRI
    FAULTMASK = arm_const.UC_ARM_REG_FAULTMASK
    FPSCR = arm_const.UC_ARM_REG_FPSCR


CORE = tuple(
    getattr(arm_const, f"UC_ARM_REG_{name}")
    for name in (*(f"R{n}" for n in range(13)), "SP", "LR", "PC")
)
FPU = tuple(getattr(arm_const, f"UC_ARM_REG_S{n}") for n in range(32))
